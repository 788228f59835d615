"""Whole classes share one code: a stored picture is found first however many there are."""

import secrets

import numpy as np
import pytest

from engine.encryption import AesGcmCipher
from engine.retrieval import CloudServer, DataOwner, DataUser, Gallery
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.records import Record, seal_record
from engine.retrieval.sketches import sketches_of
from engine.retrieval.stores.base import SealedPicture

COUNT, VALUES = 20_000, 3


class Remembering:
    """Three code values, and a descriptor for each picture: its first pixel is its number."""

    def __init__(self, descriptors):
        self.descriptors = descriptors

    def describe(self, images):
        numbers = [int(image[0, 0]) for image in images]
        codes = np.array([[255 * (number % VALUES), number % VALUES] for number in numbers], np.uint8)
        return codes, self.descriptors[numbers]

    def codes(self, images):
        return self.describe(images)[0]


@pytest.fixture(scope="module")
def descriptors():
    """Three tight classes: pictures of one are within about 15 degrees of each other."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((VALUES, 64))[np.arange(COUNT) % VALUES] * 45
    return np.clip(np.rint(features + rng.normal(0, 9, (COUNT, 64))), -127, 127).astype(np.int8)


@pytest.fixture(scope="module")
def searching(tmp_path_factory, descriptors):
    """A user of 20,000 pictures with three codes; only the pictures that are asked for are sealed."""
    key, hasher = b"a key of thirty-two bytes, only!", Remembering(descriptors)
    server = CloudServer(tmp_path_factory.mktemp("ties") / "vault.db")
    identity = secrets.token_bytes(16)
    gallery = Gallery(identity, 16, GalleryKeys.check_of(key, identity))
    keys = GalleryKeys(key, gallery)
    numbers = np.arange(COUNT)
    masked = keys.code_mask.apply(np.array([[255 * (n % VALUES), n % VALUES] for n in numbers], np.uint8))
    sketches = keys.sketch_mask.apply(sketches_of(descriptors))
    with server.receiving(gallery) as append:
        for number, code, sketch in zip(numbers, masked, sketches, strict=True):
            sealed = AesGcmCipher(key).encrypt(np.full((2, 2), number, np.uint16))
            row_id = sealed_id(sealed)
            record = Record(f"{number}", None, "0" * 64, descriptors[number].tobytes())
            note = seal_record(record, keys.record_key, identity=row_id, code=code.tobytes())
            append([SealedPicture(row_id, code.tobytes(), note, sealed, sketch=sketch.tobytes())])
    return DataUser(DataOwner(key, server, hasher, cipher=AesGcmCipher), server)


def sealed_id(sealed):
    from engine.encryption import open_container

    return open_container(sealed).salt.hex()


@pytest.mark.parametrize("number", [0, 1, 5_002, 12_345, COUNT - 2, COUNT - 1])
def test_a_stored_picture_finds_itself_first_among_thousands_of_equal_codes(searching, number):
    results = searching.search(np.full((2, 2), number, np.uint16), k=10)
    assert results[0].name == str(number)
    assert {result.distance for result in results} == {0}


def test_most_of_the_ten_are_the_most_alike_of_all(searching, descriptors):
    """The oracle compares every descriptor. Around one centre all are about equally far: the hardest case there is."""
    found = 0
    for number in range(0, COUNT, 2_001):
        unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
        same = np.arange(COUNT) % VALUES == number % VALUES
        best = np.argsort(-np.where(same, unit @ unit[number], -2))[:10]
        names = {result.name for result in searching.search(np.full((2, 2), number, np.uint16), k=10)}
        found += len(names & set(map(str, best)))
    assert found >= 50
