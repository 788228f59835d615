import random

import numpy as np
import pytest

from engine.encryption import CipherError, ToyCipher


@pytest.mark.parametrize(("shape", "dtype"), [((5, 7), np.uint8), ((4, 6), np.uint16), ((3, 4, 3), np.uint8)])
def test_comes_back(shape, dtype):
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    sealed = ToyCipher(200).encrypt(picture)
    assert sealed.shape == picture.shape
    assert sealed.dtype == picture.dtype
    assert np.array_equal(ToyCipher(200).decrypt(sealed), picture)


def test_is_broken_on_purpose():
    """The whole key space, tried one by one, against one known corner."""
    picture = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    sealed = ToyCipher(random.randrange(256)).encrypt(picture)
    opened = [ToyCipher(key).decrypt(sealed) for key in range(256)]
    assert ToyCipher.broken_on_purpose
    assert sum(np.array_equal(guess[:2, :2], picture[:2, :2]) for guess in opened) == 1


@pytest.mark.parametrize("key", [-1, 256, "7", None, 1.0, b"\x01"])
def test_refuses_other_keys(key):
    with pytest.raises(CipherError, match="from 0 to 255"):
        ToyCipher(key)
