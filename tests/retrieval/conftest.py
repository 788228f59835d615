import numpy as np
import pytest

from engine.encryption import AesGcmCipher, generate_key
from engine.hashing import pack_bits
from engine.retrieval import CloudServer, DataOwner, Picture

LABELS = ("covid-19", "normal", "pneumonia")


class BlockHasher:
    """48 bits: is each block of a 6 x 8 grid brighter than the middle of its picture? Needs no network."""

    def codes(self, images):
        return pack_bits(np.array([self._bits(image) for image in images]).reshape(-1, 48))

    def _bits(self, image):
        height, width = image.shape[0] // 6, image.shape[1] // 8
        blocks = image[: 6 * height, : 8 * width].reshape(6, height, 8, width).mean(axis=(1, 3))
        return (blocks > np.median(blocks)).ravel()


class DescribingHasher(BlockHasher):
    """The same, with how bright the blocks are as descriptors."""

    def describe(self, images):
        return self.codes(images), np.array([self._descriptor(image) for image in images], np.int8).reshape(-1, 64)

    def _descriptor(self, image):
        height, width = image.shape[0] // 8, image.shape[1] // 8
        return image[: 8 * height, : 8 * width].reshape(8, height, 8, width).mean(axis=(1, 3)).ravel() / 2 - 64


def make_pictures(count, seed=0):
    """Three families of 48 x 64 pictures, one per label, each picture with blocks and noise of its own."""
    rng = np.random.default_rng(seed)
    families = np.random.default_rng(99).integers(0, 120, (3, 6, 8))
    pictures = []
    for number in range(count):
        blocks = families[number % 3] + rng.integers(0, 80, (6, 8))
        image = (np.kron(blocks, np.ones((8, 8), int)) + rng.integers(0, 56, (48, 64))).astype(np.uint8)
        pictures.append(Picture(f"ward-7/patient{number:03}.png", lambda image=image: image, LABELS[number % 3]))
    return pictures


@pytest.fixture
def key():
    return generate_key()


@pytest.fixture
def hasher():
    return BlockHasher()


@pytest.fixture
def pictures():
    return make_pictures(12)


@pytest.fixture
def server(tmp_path):
    return CloudServer(tmp_path / "server" / "vault.db")


@pytest.fixture
def owner(key, server, hasher):
    return DataOwner(key, server, hasher, cipher=AesGcmCipher)


@pytest.fixture
def filled_owner(owner, pictures):
    list(owner.upload(pictures))
    return owner
