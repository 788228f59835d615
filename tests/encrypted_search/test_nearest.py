"""The nearest cipher picture, against bit strings and votes counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.encrypted_search.nearest import hamming_bits, rank, vote
from engine.encrypted_search.setting import Setting


@given(st.integers(0, 2**32 - 1))
def test_bits_are_those_that_strings_differ_in(seed):
    draw = np.random.default_rng(seed)
    queries, gallery = (draw.integers(0, 256, (count, 2, 4, 3), dtype=np.uint8) for count in (2, 3))
    strings = [["".join(f"{byte:08b}" for byte in picture.ravel()) for picture in side] for side in (queries, gallery)]
    expected = [[sum(a != b for a, b in zip(one, other, strict=True)) for other in strings[1]] for one in strings[0]]
    assert hamming_bits(queries, gallery).tolist() == expected


def test_more_bits_than_sixteen_bit_numbers_can_count():
    assert hamming_bits(np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64, 3), 255, np.uint8)).tolist() == [
        [98304]
    ]


@pytest.mark.parametrize("size", [16, 8, 4, 2, 1])
def test_one_key_keeps_every_distance_and_a_key_each_keeps_none(size):
    images = np.random.default_rng(size).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    names = list("abcd")
    plain, shared, fresh = (setting.encrypt(images, names) for setting in _settings(size))
    distances = hamming_bits(plain, plain)
    assert (hamming_bits(shared, shared) == distances).all()
    assert not (hamming_bits(fresh, fresh) == distances)[~np.eye(4, dtype=bool)].all()


def _settings(size: int) -> tuple[Setting, ...]:
    return Setting(), Setting(size, "shared"), Setting(size, "fresh")


def test_equal_votes_go_to_the_nearer_picture():
    assert vote(np.array([[1, 0, 0, 1, 2], [2, 0, 1, 1, 0]]), 3).tolist() == [1, 0]


def test_a_ranking_is_that_of_a_sort():
    distances = np.array([[5, 1, 3, 2, 9, 8, 7, 6, 12, 11, 10, 4]])
    found = rank(distances, np.array([1]), np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    assert found.nearest[0].tolist() == np.argsort(distances[0])[:10].tolist()
    assert found.average_precision[0] == pytest.approx((1 / 1 + 2 / 5) / 2)
