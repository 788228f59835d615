import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from engine.encryption import logistic
from engine.encryption.logistic import LogisticParameters
from tests.encryption import plain_reference

KEY = bytes(range(12))


def test_known_answer_of_the_readme():
    words = logistic.sequence(np.array([0x0123456789ABCDEF], np.uint64), LogisticParameters.from_key(KEY))[:, 0]
    assert [f"{word:08x}" for word in words[:8]] == (
        ["e0b390a8", "f2537d26", "287425e2", "f6028e77", "40364c3d", "19eb93d4", "adb51b73", "47dd578d"]
    )
    assert f"{words[63]:08x}" == "615cd524"


@given(key=st.binary(min_size=12, max_size=12), seed=st.integers(0, 2**64 - 1))
def test_matches_whole_number_arithmetic(key, seed):
    words = logistic.sequence(np.array([seed], np.uint64), LogisticParameters.from_key(key))
    assert words[:, 0].tolist() == plain_reference.logistic_words(seed, key)


def test_approximates_the_map_of_the_paper():
    """One step in floating point: Eq. 12 with d (1 - r) y, taken modulo 1."""
    key = LogisticParameters.from_key(KEY)
    seeds = np.random.default_rng(1).integers(0, 2**64, 1000, dtype=np.uint64)
    x, y = (seeds >> np.uint64(32)) / 2**32, (seeds & np.uint64(2**32 - 1)) / 2**32
    r1, coupling = key.r1 / 2**30, key.d1 / 2**32 / (key.r1 / 2**30 - 1)
    expected = (r1 * x * (1 - x) + coupling * (1 - r1) * y) % 1
    difference = np.abs(logistic.sequence(seeds, key)[0] / 2**32 - expected)
    assert np.minimum(difference, 1 - difference).max() < 1e-8


def test_parameters_are_in_the_chaotic_range():
    for key in (bytes(12), b"\xff" * 12, KEY):
        p = LogisticParameters.from_key(key)
        assert all(3.75 <= r / 2**30 < 4 for r in (p.r1, p.r2))
        assert all(1 / 16 <= d / 2**32 / (r / 2**30 - 1) < 1 / 8 for r, d in ((p.r1, p.d1), (p.r2, p.d2)))


def test_words_choose_partners_and_signs_evenly():
    seeds = np.random.default_rng(2).integers(0, 2**64, 4000, dtype=np.uint64)
    words = logistic.sequence(seeds, LogisticParameters.from_key(KEY))
    for bits in (
        words & np.uint64(1),
        (words >> np.uint64(8)) & np.uint64(0xFF),
        words >> np.uint64(16) & np.uint64(0xFF),
    ):
        counts = np.bincount(bits.ravel().astype(int))
        expected = bits.size / len(counts)
        assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, len(counts) - 1)


def test_shuffle_is_a_signed_permutation_and_is_undone():
    rng = np.random.default_rng(3)
    words = logistic.sequence(rng.integers(0, 2**64, 500, dtype=np.uint64), LogisticParameters.from_key(KEY))
    coefficients = rng.integers(-1000, 1000, (64, 500)).astype(np.int32)
    mixed = logistic.encrypt_coefficients(coefficients, words)
    assert np.array_equal(np.sort(np.abs(mixed), axis=0), np.sort(np.abs(coefficients), axis=0))
    assert not np.array_equal(mixed, coefficients)
    assert np.array_equal(logistic.decrypt_coefficients(mixed, words), coefficients)


def test_every_place_is_reached_evenly():
    """Where does the first coefficient go? Anywhere, with equal chance."""
    seeds = np.random.default_rng(4).integers(0, 2**64, 20_000, dtype=np.uint64)
    words = logistic.sequence(seeds, LogisticParameters.from_key(KEY))
    marked = np.zeros((64, len(seeds)), np.int32)
    marked[0] = 1
    counts = np.abs(logistic.encrypt_coefficients(marked, words)).sum(axis=1)
    expected = len(seeds) / 64
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, 63)
