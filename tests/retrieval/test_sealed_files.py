"""What is sealed of a picture: its file as it came, or its pixels alone."""

import numpy as np
import pytest

from engine.encryption import AuthenticationError, Content
from engine.imaging import encode_png
from engine.retrieval import DataOwner, DataUser, pictures_in


def test_files_are_sealed_as_they_came_and_open_to_their_pixels(key, server, hasher, pictures, tmp_path):
    for number, picture in enumerate(pictures):
        (tmp_path / f"{number:02}.png").write_bytes(encode_png(picture.load()))
    owner = DataOwner(key, server, hasher)
    list(owner.upload(pictures_in(tmp_path)))
    assert list(owner.upload(pictures_in(tmp_path)))[-1].added == 0
    for result in DataUser(owner, server).search(pictures[0].load(), k=3):
        (release,), (sealed,) = owner.release([result.id]), server.pictures([result.id])
        assert release.unseal(sealed).file == (tmp_path / release.name).read_bytes()
        assert np.array_equal(result.image, pictures[int(release.name[:2])].load())
        assert np.array_equal(owner.open(result.id), result.image)


def test_pixels_alone_are_sealed_where_somebody_wants_that(key, server, hasher, pictures, tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(pictures[0].load()))
    owner = DataOwner(key, server, hasher, keep="pixels")
    list(owner.upload(pictures_in(tmp_path)))
    (identity,) = owner.records()
    content = owner.release([identity])[0].unseal(server.pictures([identity])[0])
    assert content.file is None
    assert np.array_equal(content.pixels, pictures[0].load())


def test_a_file_with_a_changed_header_is_not_the_one_that_was_uploaded(key, server, hasher, pictures, tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(pictures[0].load()))
    owner = DataOwner(key, server, hasher)
    list(owner.upload(pictures_in(tmp_path)))
    (identity,) = owner.records()
    release = owner.release([identity])[0]
    other = Content(file=(tmp_path / "a.png").read_bytes() + b"trailer")
    for content in (other, Content(pixels=pictures[0].load())):
        with pytest.raises(AuthenticationError, match="not the one its owner uploaded"):
            release.record.checked(content)
