import numpy as np
import pytest

from engine.encryption import AuthenticationError, generate_key
from engine.retrieval import CloudServer, DataOwner, DataUser, Picture, StoreError
from engine.retrieval.reindex import SharedPictures, reindex


class ByMean:
    """Codes of any length: a row of bits as long as the picture is bright."""

    def __init__(self, bits):
        self.bits = bits

    def codes(self, images):
        rows = [np.arange(self.bits) < image.mean() / 256 * self.bits for image in images]
        return np.packbits(np.array(rows, bool), axis=1)


@pytest.fixture
def images():
    return {f"{level}.png": np.full((48, 64), level, np.uint8) for level in (10, 60, 120, 180, 240)}


@pytest.fixture
def sealed(images, tmp_path):
    server = CloudServer(tmp_path / "short.db")
    owner = DataOwner(generate_key(), server, ByMean(16))
    list(owner.upload([Picture(name, lambda image=image: image, "gray") for name, image in images.items()]))
    return owner, server


def longer(owner, server, images, path):
    hasher, shared = ByMean(64), SharedPictures(path, server)
    rows = dict(zip(images, hasher.codes(list(images.values())), strict=True))
    return reindex(owner, shared, hasher, lambda name: (rows[name], np.zeros(64, np.int8))), shared


def test_a_longer_code_finds_the_pictures_that_were_sealed_before(sealed, images, tmp_path):
    owner, server = sealed
    other, shared = longer(owner, server, images, tmp_path / "long.db")
    (first, *_) = DataUser(other, shared).search(images["120.png"], k=3)
    assert (first.name, first.label, first.distance, first.code.size) == ("120.png", "gray", 0, 8)
    assert np.array_equal(first.image, images["120.png"])


def test_no_picture_is_stored_twice(sealed, images, tmp_path):
    owner, server = sealed
    other, shared = longer(owner, server, images, tmp_path / "long.db")
    assert set(other.records()) == set(owner.records())
    assert shared._store.pictures(list(other.records())) == [b""] * len(images)
    assert (tmp_path / "long.db").stat().st_size < (tmp_path / "short.db").stat().st_size


def test_the_old_index_still_answers_and_a_second_is_refused(sealed, images, tmp_path):
    owner, server = sealed
    longer(owner, server, images, tmp_path / "long.db")
    assert DataUser(owner, server).search(images["60.png"], k=1)[0].name == "60.png"
    with pytest.raises(AuthenticationError, match="key does not open"):
        DataOwner(generate_key(), SharedPictures(tmp_path / "long.db", server), ByMean(64))


def test_an_empty_gallery_is_refused(tmp_path, images):
    server = CloudServer(tmp_path / "none.db")
    owner = DataOwner(generate_key(), server, ByMean(16))
    with pytest.raises(StoreError, match="Nothing has been uploaded"):
        longer(owner, server, images, tmp_path / "long.db")
