"""Whole classes share one code: a stored picture is found first however many there are."""

import secrets

import numpy as np
import pytest

from engine.encryption import AesGcmCipher
from engine.retrieval import CloudServer, DataOwner, DataUser, Picture, SealedPicture
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.records import Record, seal_record
from engine.retrieval.renewal import revoke
from engine.retrieval.sketches import sketches_of
from engine.retrieval.stores.base import StoreError
from engine.retrieval.uploading import new_gallery

COUNT, VALUES = 20_000, 3
KEY = b"a key of thirty-two bytes, only!"


class Remembering:
    """Three code values, and a descriptor for each picture: its first pixel is its number."""

    def __init__(self, descriptors):
        self.descriptors = descriptors

    def describe(self, images):
        numbers = np.array([int(image[0, 0]) for image in images])
        return codes_of(numbers), self.descriptors[numbers]

    def codes(self, images):
        return self.describe(images)[0]


def codes_of(numbers):
    return np.stack([85 * (numbers % VALUES), numbers % VALUES], 1).astype(np.uint8)


@pytest.fixture(scope="module")
def descriptors():
    """Three tight classes: pictures of one are within about 15 degrees of each other."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((VALUES, 64))[np.arange(COUNT) % VALUES] * 45
    return np.clip(np.rint(features + rng.normal(0, 9, (COUNT, 64))), -127, 127).astype(np.int8)


@pytest.fixture(scope="module")
def first(tmp_path_factory, descriptors):
    """Numbers of the stored pictures that are found first for one of 20,000, which have three codes.

    No picture is opened, so none is sealed.
    """
    server = CloudServer(tmp_path_factory.mktemp("ties") / "vault.db")
    keys = GalleryKeys(KEY, new_gallery(KEY, 16))
    masked = keys.code_mask.apply(codes_of(np.arange(COUNT)))
    sketches = keys.sketch_mask.apply(sketches_of(descriptors))
    ids = [secrets.token_hex(16) for _ in range(COUNT)]
    with server.receiving(keys.gallery) as append:
        for number, id_ in enumerate(ids):
            record, code = Record(f"{number}", None, "0" * 64, descriptors[number].tobytes()), masked[number].tobytes()
            note = seal_record(record, keys.record_key, identity=id_, code=code)
            append([SealedPicture(id_, code, note, b"", sketch=sketches[number].tobytes())])
    owner = DataOwner(KEY, server, Remembering(descriptors), cipher=AesGcmCipher)
    user, numbers = DataUser(owner, server), {id_: number for number, id_ in enumerate(ids)}

    def found(number, k=10):
        code, descriptor = user.describe(np.full((2, 2), number, np.uint16))
        near = server.nearest(user.mask(code), k, sketch=user.mask_sketch(descriptor))
        assert {one.distance for one in near} == {0}
        ordered = user.order(near, descriptor, owner.descriptors([one.id for one in near]))
        return [numbers[one.id] for one in ordered[:k]]

    return found


@pytest.mark.parametrize("number", [0, 1, 5_002, 12_345, COUNT - 2, COUNT - 1])
def test_a_stored_picture_finds_itself_first_among_thousands_of_equal_codes(first, number):
    assert first(number)[0] == number


def test_most_of_the_ten_are_the_most_alike_of_all(first, descriptors):
    """The oracle compares every descriptor. Around one centre all are about equally far: the hardest case there is."""
    found, unit = 0, descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    for number in range(0, COUNT, 4_001):
        same = np.arange(COUNT) % VALUES == number % VALUES
        best = np.argsort(-np.where(same, unit @ unit[number], -2))[:10]
        found += len(set(first(number)) & set(best.tolist()))
    assert found >= 25


def test_an_owner_may_keep_sketches_back_and_a_user_compare_whole_classes(tmp_path, descriptors):
    server, count = CloudServer(tmp_path / "vault.db"), 90
    owner = DataOwner(KEY, server, Remembering(descriptors), cipher=AesGcmCipher, sketched=False)
    pictures = [Picture(str(n), lambda n=n: np.full((16, 16), n, np.uint16)) for n in range(count)]
    list(owner.upload(pictures))
    list(revoke(owner, server))
    assert {row.sketch for row in server.records()} == {b""}
    user = DataUser(owner, server)
    for number in (0, 41, count - 1):
        assert user.search(pictures[number].load(), k=3, most=count)[0].name == str(number)
    found = sum(user.search(picture.load(), k=3, most=5)[0].name == picture.name for picture in pictures[:30])
    assert found < 15


@pytest.mark.parametrize("number", [3, 40, 89])
def test_a_search_by_likeness_finds_the_most_alike_whatever_their_codes(tmp_path, descriptors, number):
    server, count = CloudServer(tmp_path / "vault.db"), 90
    mixed = np.random.default_rng(2).permutation(descriptors[:count])
    owner = DataOwner(KEY, server, Remembering(mixed), cipher=AesGcmCipher)
    pictures = [Picture(str(n), lambda n=n: np.full((16, 16), n, np.uint16)) for n in range(count)]
    list(owner.upload(pictures))
    user, unit = DataUser(owner, server), mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    found = user.search(pictures[number].load(), k=10, order="likeness")
    assert [int(result.name) for result in found] == np.argsort(-(unit @ unit[number]), kind="stable")[:10].tolist()
    assert len({result.distance for result in found}) > 1
    near = user.search(pictures[number].load(), k=10)
    assert [result.distance for result in near] == [0] * 10


def test_a_search_by_likeness_needs_descriptors(filled_owner, server, pictures):
    with pytest.raises(StoreError, match="order distance"):
        DataUser(filled_owner, server).search(pictures[0].load(), order="likeness")
