import secrets

import numpy as np
import pytest

from engine import evaluation as ev
from engine.attacks.toy import break_toy, find_key
from engine.encryption import AesGcmCipher, ToyCipher, generate_key, open_container
from tests.attacks.subjects import xrays


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_toy_falls(dtype):
    picture = xrays(1, 96, 120)[0].astype(dtype)
    key = secrets.randbelow(256)
    sealed = ToyCipher(key).encrypt(picture)
    assert find_key(sealed) == key
    assert np.array_equal(break_toy(sealed), picture)


def test_and_yet_it_passes_every_statistical_test():
    picture = xrays(1, 400, 400)[0]
    passed = {}
    for name, (one, other) in {
        "toy": (ToyCipher(3).encrypt(picture), ToyCipher(2).encrypt(picture)),
        "aes": (aes_pixels(picture), aes_pixels(picture)),
    }.items():
        low, high = ev.uaci_critical(one.size, alpha=1e-4)
        passed[name] = [
            abs(ev.shannon_entropy(one) - ev.ideal_entropy(one.size)) < 4 * ev.ideal_entropy_deviation(one.size),
            ev.chi_square(one) < ev.chi_square_critical(alpha=1e-4),
            ev.npcr(one, other) > ev.npcr_critical(one.size, alpha=1e-4),
            low < ev.uaci(one, other) < high,
            all(abs(value) < 4 / 400 for value in ev.adjacent_correlation(one)),
        ]
    assert all(passed["toy"])
    assert passed["aes"] == passed["toy"]


def aes_pixels(picture):
    container = open_container(AesGcmCipher(generate_key()).encrypt(picture))
    return np.frombuffer(container.ciphertext, np.uint8, count=picture.size).reshape(picture.shape)


def test_aes_does_not_fall_to_the_same_search():
    picture = xrays(1, 96, 120)[0]
    assert ev.ssim(break_toy(aes_pixels(picture)), picture) < 0.05
