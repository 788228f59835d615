import numpy as np
import pytest

from engine.attacks.inversion import Decoder, bytes_of
from engine.attacks.neural_decoder import NeuralDecoder
from tests.attacks.subjects import noise


def pictures_from_bits(count, bits=16, side=8):
    """Pictures that are sums of one pattern for each bit, and the codes: all is in the code."""
    rng = np.random.default_rng()
    code, patterns = rng.random((count, bits)) < 0.5, rng.uniform(-8, 8, (bits, side, side))
    return code, np.rint(128 + np.tensordot(code * 2.0 - 1, patterns, 1)).clip(0, 255).astype(np.uint8)


def test_a_picture_that_is_in_its_code_comes_back():
    codes, pictures = pictures_from_bits(300)
    decoder = Decoder.fit_best((codes[:200], pictures[:200]), (codes[200:250], pictures[200:250]))
    wrong = decoder.decode(codes[250:]).astype(int) - pictures[250:]
    assert np.abs(wrong).max() <= 3


def test_codes_that_say_nothing_give_the_mean_picture():
    codes, pictures = noise(300, 16) > 127, noise(300, 8, 8)
    decoder = Decoder.fit_best((codes[:200], pictures[:200]), (codes[200:], pictures[200:]))
    assert np.abs(decoder.values(codes[200:]) - decoder.picture).mean() < 25


def test_a_network_brings_it_back_too_and_has_nothing_to_say_where_codes_say_nothing():
    codes, pictures = pictures_from_bits(300)
    decoder = NeuralDecoder.fit_best((codes[:200], pictures[:200]), (codes[200:250], pictures[200:250]))
    mean = np.abs(pictures[250:] - pictures[:200].mean(axis=0)).mean()
    assert np.abs(decoder.decode(codes[250:]).astype(int) - pictures[250:]).mean() < 0.65 * mean
    silent = noise(300, 16) > 127
    decoder = NeuralDecoder.fit_best((silent[:200], pictures[:200]), (silent[200:250], pictures[200:250]))
    assert np.abs(decoder.decode(silent[250:]).astype(int) - pictures[250:]).mean() > 0.9 * mean


def test_it_is_ridge_regression():
    codes, pictures = pictures_from_bits(60)
    decoder = Decoder.fit(codes, pictures, penalty=3.0)
    bits = codes - codes.mean(axis=0)
    stacked = np.vstack([bits, np.sqrt(3.0) * np.eye(16)])
    targets = np.vstack([(pictures - pictures.mean(axis=0)).reshape(60, -1), np.zeros((16, 64))])
    assert decoder.weights == pytest.approx(np.linalg.lstsq(stacked, targets, rcond=None)[0])


def test_bytes_say_more_than_their_signs():
    rng = np.random.default_rng(0)
    descriptors, patterns = rng.integers(-127, 128, (300, 12)).astype(np.int8), rng.uniform(-0.3, 0.3, (12, 8, 8))
    pictures = np.rint(128 + np.tensordot(descriptors.astype(float), patterns, 1)).clip(0, 255).astype(np.uint8)
    wrong = {}
    for name, held in (("bytes", bytes_of(descriptors)), ("signs", descriptors > 0)):
        decoder = Decoder.fit_best((held[:200], pictures[:200]), (held[200:250], pictures[200:250]))
        wrong[name] = np.abs(decoder.decode(held[250:]).astype(int) - pictures[250:]).mean()
    assert wrong["bytes"] < wrong["signs"] / 4
