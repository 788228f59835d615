import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare, pearsonr
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from engine.encryption import AesGcmCipher, FrequencyCipher, Present, ToyCipher, open_container
from engine.evaluation.cipher_quality import (
    adjacent_correlation,
    avalanche,
    chi_square,
    chi_square_critical,
    ideal_entropy,
    ideal_entropy_deviation,
    ideal_npcr,
    ideal_uaci,
    key_sensitivity,
    mse,
    npcr,
    npcr_critical,
    psnr,
    shannon_entropy,
    ssim,
    uaci,
    uaci_critical,
)

DTYPES = st.sampled_from([np.uint8, np.uint16])
PICTURES = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
PAIRS = DTYPES.flatmap(
    lambda dtype: hnp.array_shapes(min_dims=2, max_dims=3, max_side=9).flatmap(
        lambda shape: st.tuples(hnp.arrays(dtype, shape), hnp.arrays(dtype, shape))
    )
)
SIDE = 512


def noise(shape=(SIDE, SIDE), dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(side=SIDE):
    """A picture with structure: two waves."""
    y, x = np.mgrid[:side, :side] / side
    return np.rint(127.5 + 100 * np.sin(6 * x) * np.cos(5 * y)).astype(np.uint8)


@given(PICTURES)
def test_entropy_is_the_mean_surprise(picture):
    counts = Counter(picture.ravel().tolist())
    expected = -sum(n / picture.size * math.log2(n / picture.size) for n in counts.values())
    assert shannon_entropy(picture) == pytest.approx(expected, abs=1e-12)


def test_entropy_of_a_flat_picture_is_zero_and_not_a_rounding_error():
    """Paper B's Table V gives AES 1.4427e-10 bits: log2(1 + 1e-10), a histogram with everything in one bin."""
    assert shannon_entropy(np.full((8, 8), 7, np.uint8)) == 0
    assert math.log2(1 + 1e-10) == pytest.approx(1.4426951601859516e-10)
    sealed = open_container(AesGcmCipher(bytes(32)).encrypt(smooth()))
    assert shannon_entropy(np.frombuffer(sealed.ciphertext, np.uint8)) > 7.998


@pytest.mark.parametrize(("samples", "levels"), [(5, 2), (40, 256), (1000, 16), (4096, 256)])
def test_ideal_entropy_is_the_mean_over_random_pictures(samples, levels):
    rng = np.random.default_rng(samples)
    entropies = []
    for _ in range(2000):
        shares = np.bincount(rng.integers(0, levels, samples)) / samples
        entropies.append(-np.sum(shares[shares > 0] * np.log2(shares[shares > 0])))
    error = np.std(entropies) / math.sqrt(len(entropies))
    assert ideal_entropy(samples, levels) == pytest.approx(np.mean(entropies), abs=5 * error)


@pytest.mark.parametrize(("samples", "levels"), [(4000, 4), (5000, 16)])
def test_ideal_entropy_deviation_is_that_of_random_pictures(samples, levels):
    shares = np.random.default_rng(levels).multinomial(samples, [1 / levels] * levels, size=20_000) / samples
    deviation = np.std(-np.sum(shares * np.log2(shares), axis=1))
    assert ideal_entropy_deviation(samples, levels) == pytest.approx(deviation, rel=0.04)


def test_ideal_entropy_at_the_size_of_the_paper():
    samples = SIDE * SIDE
    assert ideal_entropy(samples) == pytest.approx(8 - 255 / (2 * samples * math.log(2)), abs=1e-5)
    assert ideal_entropy(samples) == pytest.approx(7.99930, abs=5e-6)
    entropies = [shannon_entropy(noise(seed=seed)) for seed in range(60)]
    assert np.mean(entropies) == pytest.approx(ideal_entropy(samples), abs=5e-5)
    assert np.std(entropies) == pytest.approx(ideal_entropy_deviation(samples), rel=0.4)


@given(PAIRS)
def test_differences_match_scikit_image_and_counting(pair):
    one, other = pair
    largest = np.iinfo(one.dtype).max
    assert mse(one, other) == pytest.approx(mean_squared_error(one, other))
    values = list(zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
    assert npcr(one, other) == pytest.approx(100 * sum(a != b for a, b in values) / len(values))
    assert uaci(one, other) == pytest.approx(100 * sum(abs(a - b) for a, b in values) / largest / len(values))
    if np.array_equal(one, other):
        assert psnr(one, other) == math.inf
    else:
        assert psnr(one, other) == pytest.approx(peak_signal_noise_ratio(one, other, data_range=largest))


def ssim_of_one_window(one, other, peak):
    """Wang et al. 2004, Eq. 13, over the whole picture, with sample variances."""
    x, y = one.astype(float).ravel(), other.astype(float).ravel()
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    (vx, covariance), (_, vy) = np.cov(x, y)
    return (
        (2 * x.mean() * y.mean() + c1) * (2 * covariance + c2) / ((x.mean() ** 2 + y.mean() ** 2 + c1) * (vx + vy + c2))
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("side", [3, 5, 7])
def test_ssim_of_one_window_is_the_formula(side, dtype):
    one, other = noise((side, side), dtype), noise((side, side), dtype, seed=1)
    expected = ssim_of_one_window(one, other, np.iinfo(dtype).max)
    assert ssim(one, other) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(8, 30), (4, 4), (20, 20, 3)])
def test_ssim_is_one_for_equal_and_near_zero_for_noise(shape):
    assert ssim(noise(shape), noise(shape)) == 1
    assert abs(ssim(noise(), noise(seed=1))) < 0.02


def test_ssim_of_a_colour_picture_is_the_mean_over_its_channels():
    one, other = noise((24, 20, 3)), noise((24, 20, 3), seed=1) // 2 + noise((24, 20, 3)) // 2
    alone = [ssim(one[..., channel], other[..., channel]) for channel in range(3)]
    assert ssim(one, other) == pytest.approx(np.mean(alone))


def test_critical_values_at_the_size_of_the_paper():
    assert ideal_npcr() == pytest.approx(99.6094, abs=5e-5)
    assert npcr_critical(SIDE * SIDE) == pytest.approx(99.5893, abs=5e-5)
    assert ideal_uaci() == pytest.approx(33.4635, abs=5e-5)
    assert uaci_critical(SIDE * SIDE) == pytest.approx((33.3730, 33.5541), abs=5e-5)
    assert chi_square_critical() == pytest.approx(293.25, abs=5e-3)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_random_pictures_miss_the_critical_values_as_often_as_promised(dtype, largest):
    rng, trials, alpha = np.random.default_rng(9), 400, 0.2
    low, high = uaci_critical(4096, largest, alpha)
    outside = 0
    for _ in range(trials):
        one, other = (rng.integers(0, largest + 1, 4096).astype(dtype) for _ in range(2))
        outside += not low <= uaci(one, other) <= high
    assert abs(outside / trials - alpha) < 4 * math.sqrt(alpha * (1 - alpha) / trials)


def test_random_pictures_fall_below_npcr_as_often_as_promised():
    rng, trials = np.random.default_rng(10), 400
    pairs = rng.integers(0, 256, (trials, 2, 65536)).astype(np.uint8)
    below = sum(npcr(one, other) < npcr_critical(65536, alpha=0.2) for one, other in pairs)
    assert abs(below / trials - 0.2) < 0.08


@given(PICTURES)
def test_chi_square_matches_scipy(picture):
    counts = np.bincount(picture.ravel(), minlength=np.iinfo(picture.dtype).max + 1)
    assert chi_square(picture) == pytest.approx(chisquare(counts).statistic)


@given(hnp.arrays(DTYPES, st.tuples(st.integers(3, 9), st.integers(3, 9)), unique=True))
def test_correlations_match_scipy_over_every_pair(picture):
    height, width = picture.shape
    for measured, (down, right) in zip(adjacent_correlation(picture), [(0, 1), (1, 0), (1, 1)], strict=True):
        pairs = [
            (float(picture[y, x]), float(picture[y + down, x + right]))
            for y in range(height - down)
            for x in range(width - right)
        ]
        assert measured == pytest.approx(pearsonr(*zip(*pairs, strict=True)).statistic, abs=1e-9)


def test_correlation_of_flat_and_tiny_pictures_is_undefined():
    assert all(map(math.isnan, adjacent_correlation(np.zeros((4, 4), np.uint8))))
    assert all(map(math.isnan, adjacent_correlation(np.zeros((1, 1), np.uint8))))


def test_correlation_pools_channels():
    gray = noise((20, 30))
    assert adjacent_correlation(np.stack([gray] * 3, axis=-1)) == pytest.approx(adjacent_correlation(gray))


def test_present_block_has_avalanche_and_counter_mode_has_none():
    present = Present(bytes(range(16)))
    shares = avalanche(present.encrypt, np.zeros(1, np.uint64), flips=64)
    assert len(shares) == 64
    assert abs(shares.mean() - 0.5) < 0.03
    assert shares.min() > 0.25
    picture = noise((16, 16))
    counter = avalanche(lambda p: np.frombuffer(present.ctr(b"same", p.tobytes()), np.uint8), picture)
    assert counter == pytest.approx(1 / (8 * 256))


def test_frequency_cipher_is_sensitive_to_every_key_bit():
    picture = smooth(128)
    rates = key_sensitivity(
        lambda key: FrequencyCipher(key).stages(picture, salt=bytes(16), nonce=bytes(4))["present"], bytes(32), 24
    )
    assert len(rates) == 24
    assert rates.min() > npcr_critical(picture.size, alpha=1e-6)


def test_flips_are_different_bits():
    seen = []
    key_sensitivity(lambda key: seen.append(key) or np.frombuffer(key, np.uint8), bytes(2), flips=99)
    assert len(set(seen)) == 17


def test_a_toy_with_256_keys_passes_every_test():
    """Necessary, not sufficient."""
    one, other = (ToyCipher(key).encrypt(smooth()) for key in (1, 2))
    assert abs(shannon_entropy(one) - ideal_entropy(one.size)) < 4 * ideal_entropy_deviation(one.size)
    assert chi_square(one) < chi_square_critical(alpha=1e-4)
    assert npcr(one, other) > npcr_critical(one.size, alpha=1e-4)
    low, high = uaci_critical(one.size, alpha=1e-4)
    assert low < uaci(one, other) < high
    assert max(map(abs, adjacent_correlation(one))) < 4 / SIDE
    assert max(adjacent_correlation(smooth())) > 0.99


@pytest.mark.parametrize("metric", [mse, psnr, ssim, npcr, uaci])
def test_refuses_pictures_that_do_not_match(metric):
    with pytest.raises(ValueError, match="cannot be compared"):
        metric(noise((8, 8)), noise((8, 9)))
    with pytest.raises(ValueError, match="cannot be compared"):
        metric(noise((8, 8)), noise((8, 8), np.uint16))
    with pytest.raises(ValueError, match="uint8 and uint16"):
        metric(np.zeros((8, 8)), np.zeros((8, 8)))


def test_refuses_empty_and_misshapen_pictures():
    with pytest.raises(ValueError, match="empty"):
        shannon_entropy(np.zeros((0, 4), np.uint8))
    with pytest.raises(ValueError, match="sides of at least 3"):
        ssim(noise((2, 9)), noise((2, 9)))
    with pytest.raises(ValueError, match="neighbours"):
        adjacent_correlation(noise((5,)))
