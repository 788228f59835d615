import math

import numpy as np
import pytest

from engine.evaluation.code_quality import bit_entropy, distinct_codes, order_agreement
from engine.hashing.codes import pack_bits

DRAW = np.random.default_rng(3)


def test_distinct_codes_are_counted_as_sets():
    codes = DRAW.integers(0, 2, (60, 1), np.uint8)
    codes = np.hstack([codes, DRAW.integers(0, 3, (60, 1), np.uint8)])
    assert distinct_codes(codes) == len({row.tobytes() for row in codes})


def test_the_entropy_of_a_bit_is_that_of_a_coin():
    bits = np.zeros((16, 8), bool)
    bits[:4, 0], bits[:8, 1], bits[:, 2] = True, True, True
    expected = [-(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)), 1.0, 0.0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(bit_entropy(pack_bits(bits)), expected)


def tau_b(first, second):
    """Kendall's tau-b by its definition, over all pairs."""
    signs = [
        (np.sign(a - b), np.sign(c - d))
        for n, (a, c) in enumerate(zip(first, second, strict=True))
        for b, d in list(zip(first, second, strict=True))[:n]
    ]
    both = sum(x * y for x, y in signs)
    return both / math.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs))


def test_order_agreement_is_kendalls_tau_over_all_pairs_of_others():
    codes, features = DRAW.integers(0, 256, (9, 2), np.uint8), DRAW.normal(size=(9, 3))
    left_out = np.zeros((9, 9), bool)
    left_out[4, 5] = True
    found = order_agreement(codes, features, left_out)
    for row in (0, 4):
        others = [n for n in range(9) if n != row and not left_out[row, n]]
        hamming = [int(np.unpackbits(codes[row] ^ codes[n]).sum()) for n in others]
        euclid = [float(np.linalg.norm(features[row] - features[n])) for n in others]
        assert found[row] == pytest.approx(tau_b(hamming, euclid))


def test_an_order_of_two_is_none():
    with pytest.raises(ValueError, match="three pictures"):
        order_agreement(np.zeros((2, 1), np.uint8), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="4 and 3"):
        order_agreement(np.zeros((4, 1), np.uint8), np.zeros((3, 1)))
