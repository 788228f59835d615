"""Known and chosen pictures against the compared schemes: two fall, one does not, and why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.comparators import match_pixels, open_with, planted, read_planted
from engine.encryption.comparators import COMPARATORS

KEY = bytes(range(32))


def _smooth(seed: int, shape: tuple[int, int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4))
    return np.kron(coarse, np.ones((8, 8)))[: shape[0], : shape[1]].astype(np.uint8)


def _seal(name: str, pictures: np.ndarray, key: bytes = KEY) -> np.ndarray:
    return np.stack([COMPARATORS[name](key).encrypt(picture).picture for picture in pictures])


@pytest.mark.parametrize("name", ["castro", "inam"])
@given(height=st.integers(2, 32), width=st.integers(2, 32), key=st.binary(min_size=32, max_size=32))
def test_chosen_pictures_open_every_other(name, height, width, key):
    schedule = read_planted(_seal(name, planted(height, width), key))
    target = _smooth(1, (height, width))
    assert np.array_equal(open_with(schedule, _seal(name, target[None], key)[0]), target)


@pytest.mark.parametrize("name", ["castro", "inam"])
def test_known_pictures_of_noise_decide_every_pixel(name):
    known = np.random.default_rng(0).integers(0, 256, (6, 20, 30), dtype=np.uint8)
    target = _smooth(2, (20, 30))
    schedule = match_pixels(known, _seal(name, known))
    assert np.array_equal(open_with(schedule, _seal(name, target[None])[0]), target)


def test_a_stream_of_its_own_makes_both_useless():
    known, target = np.random.default_rng(0).integers(0, 256, (6, 20, 30), dtype=np.uint8), _smooth(2, (20, 30))
    sealed = _seal("abdelfatah", target[None])[0]
    for schedule in (
        read_planted(_seal("abdelfatah", planted(20, 30))),
        match_pixels(known, _seal("abdelfatah", known)),
    ):
        assert np.mean(open_with(schedule, sealed) == target) < 0.05


@pytest.mark.parametrize("name", COMPARATORS)
def test_the_same_picture_is_the_same_cipher_picture(name):
    first, second = _seal(name, np.stack([_smooth(3, (9, 9))] * 2))
    assert np.array_equal(first, second)
