"""What is usually measured on encrypted pictures, with the value an ideal cipher would reach beside it.

These figures are necessary and by no means sufficient (Preishuber, Huetter, Katzenbeisser, Uhl, IEEE TIFS 2018): a
cipher with 256 keys passes every one of them. Read them as "nothing went obviously wrong".

Pictures are uint8 or uint16 arrays of any shape, unless a function says otherwise.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.unsignedinteger[Any]]


class Correlations(NamedTuple):
    """Pearson correlation of neighbouring pixels; NaN where a picture is flat or too small."""

    horizontal: float
    vertical: float
    diagonal: float


def shannon_entropy(image: Picture) -> float:
    """Entropy of the histogram, in bits per value (paper A Eq. 14).

    Args:
        image: any shape, at least one value.

    Raises:
        ValueError: empty, or neither uint8 nor uint16.

    Example:
        >>> shannon_entropy(np.array([0, 0, 1, 1], np.uint8))
        1.0
    """
    shares = _histogram(image) / image.size
    shares = shares[shares > 0]
    return float(abs(np.sum(shares * np.log2(shares))))


def ideal_entropy(samples: int, levels: int = 256) -> float:
    """Expected entropy of uniformly random values: less than log2(levels), because a histogram is finite.

    The exact expectation over the binomial counts; for many samples it is log2(levels) - (levels - 1) / (2 N ln 2).

    Args:
        samples: N, the number of values.
        levels: how many values there are.

    Returns:
        Bits per value.

    Example:
        >>> round(ideal_entropy(512 * 512), 5)
        7.9993
    """
    from scipy.stats import binom

    mean, spread = samples / levels, math.sqrt(samples / levels)
    counts = np.arange(max(1, math.floor(mean - 12 * spread)), min(samples, math.ceil(mean + 12 * spread) + 40) + 1)
    surprise = np.sum(binom.pmf(counts, samples, 1 / levels) * counts * np.log2(counts))
    return float(math.log2(samples) - levels / samples * surprise)


def ideal_entropy_deviation(samples: int, levels: int = 256) -> float:
    """Standard deviation of the entropy of uniformly random values, for many samples a level.

    2 N ln 2 (log2(levels) - H) is chi-square with levels - 1 degrees of freedom.

    Example:
        >>> round(ideal_entropy_deviation(512 * 512), 5)
        6e-05
    """
    return math.sqrt(2 * (levels - 1)) / (2 * samples * math.log(2))


def mse(image: Picture, other: Picture) -> float:
    """Mean squared difference.

    Raises:
        ValueError: different shapes or dtypes.

    Example:
        >>> mse(np.array([0, 3], np.uint8), np.array([4, 3], np.uint8))
        8.0
    """
    return float(np.mean(np.square(_difference(image, other), dtype=np.float64)))


def psnr(image: Picture, other: Picture) -> float:
    """Peak signal-to-noise ratio in dB: the mean squared difference once more, on another scale.

    Infinite for equal pictures. The peak is the largest value of the dtype.

    Raises:
        ValueError: different shapes or dtypes.

    Example:
        >>> round(psnr(np.array([0], np.uint8), np.array([255], np.uint8)), 6)
        0.0
    """
    error = mse(image, other)
    return math.inf if error == 0 else 20 * math.log10(_largest(image)) - 10 * math.log10(error)


def ssim(image: Picture, other: Picture) -> float:
    """Structural similarity (Wang et al. 2004; scikit-image, uniform window of at most 7 x 7).

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, sides at least 3.
        other: same shape and dtype.

    Returns:
        1 for equal pictures, near 0 for unrelated ones.

    Raises:
        ValueError: different shapes or dtypes, or a side below 3.

    Example:
        >>> picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
        >>> ssim(picture, picture)
        1.0
    """
    from skimage.metrics import structural_similarity

    _difference(image, other)
    side = min(image.shape[:2])
    if image.ndim not in (2, 3) or side < 3:
        raise ValueError(f"structural similarity needs (H, W) or (H, W, 3) with sides of at least 3, not {image.shape}")
    window, channels = min(7, side - 1 + side % 2), -1 if image.ndim == 3 else None
    peak = _largest(image)
    return float(structural_similarity(image, other, win_size=window, data_range=peak, channel_axis=channels))


def npcr(image: Picture, other: Picture) -> float:
    """Number of pixels change rate: the percentage of values that differ.

    For two encryptions of nearly equal pictures. Say whether they shared key, salt and nonce: counter mode with
    a repeated nonce scores near 0, with a fresh one near :func:`ideal_npcr` whatever the cipher.

    Raises:
        ValueError: different shapes or dtypes.

    Example:
        >>> npcr(np.array([1, 2, 3, 4], np.uint8), np.array([1, 2, 3, 5], np.uint8))
        25.0
    """
    return float(100 * np.mean(_difference(image, other) != 0))


def ideal_npcr(largest: int = 255) -> float:
    """NPCR expected of unrelated random pictures, in percent.

    Example:
        >>> round(ideal_npcr(), 4)
        99.6094
    """
    return 100 * largest / (largest + 1)


def npcr_critical(samples: int, largest: int = 255, alpha: float = 0.05) -> float:
    """NPCR, in percent, below which two pictures are not randomly different (Wu, Noonan, Agaian 2011).

    Args:
        samples: values per picture.
        largest: largest value of the dtype.
        alpha: chance that random pictures fall below.

    Example:
        >>> round(npcr_critical(512 * 512), 4)
        99.5893
    """
    deviation = math.sqrt(largest / samples) / (largest + 1)
    return 100 * (largest / (largest + 1) + NormalDist().inv_cdf(alpha) * deviation)


def uaci(image: Picture, other: Picture) -> float:
    """Unified average changing intensity: the mean absolute difference, in percent of the largest value.

    Raises:
        ValueError: different shapes or dtypes.

    Example:
        >>> uaci(np.array([0, 0], np.uint8), np.array([255, 0], np.uint8))
        50.0
    """
    return float(100 * np.mean(np.abs(_difference(image, other))) / _largest(image))


def ideal_uaci(largest: int = 255) -> float:
    """UACI expected of unrelated random pictures, in percent.

    Example:
        >>> round(ideal_uaci(), 4)
        33.4635
    """
    return 100 * (largest + 2) / (3 * largest + 3)


def uaci_critical(samples: int, largest: int = 255, alpha: float = 0.05) -> tuple[float, float]:
    """Range, in percent, outside which UACI is not that of random pictures (Wu, Noonan, Agaian 2011).

    Args:
        samples: values per picture.
        largest: largest value of the dtype.
        alpha: chance that random pictures fall outside.

    Example:
        >>> low, high = uaci_critical(512 * 512)
        >>> round(low, 4), round(high, 4)
        (33.373, 33.5541)
    """
    variance = (largest + 2) * (largest**2 + 2 * largest + 3) / (18 * (largest + 1) ** 2 * samples * largest)
    reach = -100 * NormalDist().inv_cdf(alpha / 2) * math.sqrt(variance)
    return ideal_uaci(largest) - reach, ideal_uaci(largest) + reach


def chi_square(image: Picture) -> float:
    """Chi-square statistic of the histogram against the uniform one; levels - 1 degrees of freedom.

    Raises:
        ValueError: empty, or neither uint8 nor uint16.

    Example:
        >>> chi_square(np.arange(256, dtype=np.uint8))
        0.0
    """
    counts = _histogram(image)
    expected = image.size / len(counts)
    return float(np.sum(np.square(counts - expected)) / expected)


def chi_square_critical(levels: int = 256, alpha: float = 0.05) -> float:
    """Chi-square above which a histogram is not uniform.

    Example:
        >>> round(chi_square_critical(), 2)
        293.25
    """
    from scipy.stats import chi2

    return float(chi2.ppf(1 - alpha, levels - 1))


def adjacent_correlation(image: Picture) -> Correlations:
    """Correlation of each pixel with its neighbour to the right, below, and below right: every pair.

    Random pictures scatter around 0 with standard deviation 1 / sqrt(pairs).

    Args:
        image: ``(H, W)``, or ``(H, W, 3)`` with the channels pooled.

    Raises:
        ValueError: another number of dimensions.

    Example:
        >>> adjacent_correlation(np.arange(16, dtype=np.uint8).reshape(4, 4)).horizontal
        1.0
    """
    if image.ndim not in (2, 3):
        raise ValueError(f"neighbours need a picture (H, W) or (H, W, 3), not {image.shape}")
    return Correlations(
        _correlation(image[:, :-1], image[:, 1:]),
        _correlation(image[:-1], image[1:]),
        _correlation(image[:-1, :-1], image[1:, 1:]),
    )


def key_sensitivity(
    encrypt: Callable[[bytes], Picture], key: bytes, flips: int = 16, seed: int = 0
) -> npt.NDArray[np.float64]:
    """NPCR between encryptions under a key and under the same key with one bit flipped.

    Args:
        encrypt: from a key to an encrypted picture, everything else (picture, salt, nonce) unchanged.
        key: the key to start from.
        flips: how many different bits to try, at most all.
        seed: chooses the bits.

    Returns:
        ``(flips,)`` percentages, to compare with :func:`ideal_npcr`.

    Example:
        >>> pad = lambda key: np.frombuffer(key, np.uint8)
        >>> key_sensitivity(pad, bytes(4), flips=3).tolist()
        [25.0, 25.0, 25.0]
    """
    original = encrypt(key)
    return np.array([npcr(original, encrypt(flipped.tobytes())) for flipped in _flipped(key, flips, seed)])


def avalanche(
    encrypt: Callable[[Picture], Picture], plain: Picture, flips: int = 16, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Share of output bits that change when one input bit is flipped.

    Near 0.5 for a block cipher within its block. A stream cipher under one key and nonce changes exactly the one bit:
    its safety rests on never repeating a nonce, not on this figure.

    Args:
        encrypt: from unsigned integers to unsigned integers, with everything else unchanged.
        plain: the input to start from, any shape.
        flips: how many different bits to try, at most all.
        seed: chooses the bits.

    Returns:
        ``(flips,)`` shares from 0 to 1.

    Example:
        >>> avalanche(lambda block: ~block, np.zeros(1, np.uint64), flips=2).tolist()
        [0.015625, 0.015625]
    """
    original = np.frombuffer(encrypt(plain).tobytes(), np.uint8)
    shares = []
    for flipped in _flipped(plain.tobytes(), flips, seed):
        changed = encrypt(flipped.view(plain.dtype).reshape(plain.shape)).tobytes()
        differing = np.bitwise_count(original ^ np.frombuffer(changed, np.uint8))
        shares.append(differing.sum() / (8 * original.size))
    return np.array(shares)


def _flipped(data: bytes, flips: int, seed: int) -> list[npt.NDArray[np.uint8]]:
    """Copies of ``data``, each with another bit flipped."""
    bits = np.random.default_rng(seed).permutation(8 * len(data))[:flips]
    copies = []
    for bit in bits:
        copy = np.frombuffer(data, np.uint8).copy()
        copy[bit // 8] ^= 1 << (bit % 8)
        copies.append(copy)
    return copies


def _largest(image: Picture) -> int:
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"cipher metrics are defined on uint8 and uint16, not on {image.dtype}")
    return int(np.iinfo(image.dtype).max)


def _histogram(image: Picture) -> npt.NDArray[np.int64]:
    if image.size == 0:
        raise ValueError("an empty picture has no histogram")
    return np.bincount(image.reshape(-1), minlength=_largest(image) + 1)


def _difference(image: Picture, other: Picture) -> npt.NDArray[np.int32]:
    if image.shape != other.shape or image.dtype != other.dtype:
        raise ValueError(
            f"pictures of {image.shape} {image.dtype} and {other.shape} {other.dtype} cannot be compared value by value"
        )
    _largest(image)
    return image.astype(np.int32) - other.astype(np.int32)


def _correlation(one: Picture, other: Picture) -> float:
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    x, y = one.astype(np.float64) - one.mean(), other.astype(np.float64) - other.mean()
    return float(np.sum(x * y) / math.sqrt(np.sum(x * x) * np.sum(y * y)))
