"""Where to clip: the thresholds of symmetric int8 quantization by maximum, percentile and KL divergence.

A threshold ``amax`` says which ``|x|`` the int8 value 127 stands for (paper B Algorithm 2's ``W_max``, ``W_99`` and
KL threshold); larger values are clipped to it. The percentile and the KL divergence look at a histogram of ``|x|``
with 2048 bins from 0 to its maximum. NumPy only, so that a page can draw a threshold without loading torch.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from engine.errors import VaultError

Mode = Literal["max", "percentile", "kl"]
Granularity = Literal["tensor", "channel"]
Floats = npt.NDArray[np.float64]

MODES: tuple[Mode, ...] = get_args(Mode)
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
LEVELS = 127
BINS = 2048
GROUPS = 128
PERCENTILE = 99.0
# What an empty bin of Q counts where P has something, so that the divergence stays finite.
EMPTY_COUNT = 1e-4


class QuantizationError(VaultError):
    """A mode, a network or pictures that quantization cannot use."""


def thresholds(
    values: npt.ArrayLike, mode: Mode, granularity: Granularity = "tensor", percentile: float = PERCENTILE
) -> Floats:
    """Return the clipping threshold of a tensor, or of each of its output channels.

    Args:
        values: Array of any shape; output channels are its first axis.
        mode: ``"max"``, ``"percentile"`` or ``"kl"``.
        granularity: ``"tensor"`` for one threshold, ``"channel"`` for one per row of the first axis.
        percentile: Percentile of mode ``"percentile"``, 99 as in paper B.

    Returns:
        ``(1,)`` or ``(C,)`` float64, not negative; 0 where every value is 0.

    Raises:
        QuantizationError: Unknown mode or granularity, a percentile outside 0..100, no value, or values that are not
            finite.

    Example:
        >>> thresholds([[0.5, -2.0], [1.0, 0.0]], "max", "channel").tolist()
        [2.0, 1.0]
    """
    array = np.abs(np.asarray(values, np.float32)).astype(np.float64)
    check_choice("mode", mode, MODES)
    check_choice("granularity", granularity, GRANULARITIES)
    check_percentile(percentile)
    if array.size == 0 or not np.isfinite(array).all():
        raise QuantizationError("Values to quantize must be finite and at least one: this tensor is damaged or empty.")
    rows = array.reshape(len(array) if granularity == "channel" else 1, -1)
    peaks = rows.max(axis=1)
    if mode == "max":
        return peaks
    cut = (lambda counts: percentile_bins(counts, percentile)) if mode == "percentile" else kl_bins
    return peaks * np.array([cut(magnitude_histogram(row)) for row in rows]) / BINS


def magnitude_histogram(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Count ``|x|`` in 2048 equal bins from 0 to its maximum: ``(2048,)`` int64.

    Args:
        values: Array of any shape with at least one value.

    Example:
        >>> counts = magnitude_histogram(np.array([0.0, -1.0, 1.0, 2.0]))
        >>> counts[[0, 1024, 2047]].tolist(), int(counts.sum())
        ([1, 2, 1], 4)
    """
    sizes = np.abs(values).ravel()
    peak = float(sizes.max())
    # A histogram of zeros has no width; NumPy would centre one around 0.
    return np.histogram(sizes, bins=BINS, range=(0.0, peak if peak > 0 else 1.0))[0]


def percentile_bins(counts: npt.NDArray[np.int64], percentile: float = PERCENTILE) -> int:
    """Return how many bins lie below the first edge where the CDF reaches ``percentile``.

    Args:
        counts: ``(B,)`` histogram of ``|x|``.
        percentile: In 0..100.

    Returns:
        1..B; the threshold is this many bin widths.

    Example:
        >>> percentile_bins(np.array([90, 9, 0, 1]), 99), percentile_bins(np.array([90, 9, 0, 1]), 100)
        (2, 4)
    """
    reached = np.cumsum(counts) >= percentile / 100 * counts.sum() * (1 - 1e-12)
    return int(np.argmax(reached)) + 1


def kl_bins(counts: npt.NDArray[np.int64]) -> int:
    """Return how many bins to keep so that 128 levels lose least information (KL divergence).

    For every cut ``i`` from 128 bins on, P is the first ``i`` bins with everything beyond added to the last, and Q the
    same bins merged into 128 groups, each spread evenly over its non-empty bins. An empty bin of Q counts 1e-4. The
    first bin takes the count of the second, because exact zeros cost nothing.

    Args:
        counts: ``(B,)`` histogram of ``|x|``, B at least 128.

    Returns:
        The cut with the least ``KL(P || Q)``, the largest on ties.

    Example:
        >>> counts = np.zeros(2048, np.int64)
        >>> counts[:256], counts[2047] = 1000, 1
        >>> kl_bins(counts)
        256
    """
    divergences = _divergences(np.asarray(counts, np.float64))
    # A histogram with a single filled bin gives the same divergence at several cuts up to rounding.
    best = np.flatnonzero(divergences <= divergences.min() + 1e-12)[-1]
    return GROUPS + int(best)


def _divergences(counts: Floats) -> Floats:
    """``KL(P || Q)`` in nats at every cut 128..B, ``(B - 127,)``.

    Within a group Q is one value wherever it is not empty, so sums over bins become differences of cumulative sums
    at the groups' edges.
    """
    counts = counts.copy()
    counts[0] = counts[1]
    if not counts.any():
        return np.zeros(len(counts) - GROUPS + 1)
    cuts = np.arange(GROUPS, len(counts) + 1)
    edges = -(-np.arange(GROUPS + 1) * cuts[:, None] // GROUPS)
    mass = np.diff(_running(counts)[edges], axis=1)
    filled = np.diff(_running(counts > 0)[edges], axis=1)
    level = np.where(filled > 0, mass / np.maximum(filled, 1), 1.0)
    last = counts[cuts - 1]
    beyond = counts.sum() - _running(counts)[cuts]
    in_p = last + beyond
    total_p, total_q = counts.sum(), mass.sum(axis=1) + EMPTY_COUNT * (cuts - filled.sum(axis=1))
    # The last bin is another one in P than in the histogram: take its old term away and put the new one in.
    entropy = _running(_xlogx(counts))[cuts] - _xlogx(last) + _xlogx(in_p)
    last_level = np.where(last > 0, level[:, -1], EMPTY_COUNT)
    cross = (mass * np.log(level)).sum(axis=1) + beyond * np.log(last_level)
    return (entropy - cross) / total_p - np.log(total_p) + np.log(np.maximum(total_q, EMPTY_COUNT))


def _running(values: npt.NDArray[np.generic]) -> Floats:
    """Cumulative sums with a leading 0."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _xlogx(values: Floats) -> Floats:
    return values * np.log(np.where(values > 0, values, 1.0))


def scale_of(threshold: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the step between neighbouring int8 values, ``amax / 127``; 1 where the threshold is 0.

    Example:
        >>> scale_of([254.0, 0.0]).tolist()
        [2.0, 1.0]
    """
    array = np.asarray(threshold, np.float64)
    steps = (array / LEVELS).astype(np.float32)
    # A threshold too small for float32 divides like 0 does.
    return np.where(steps > 0, steps, np.float32(1))


def to_int8(values: npt.ArrayLike, scale: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Quantize: ``clip(round(x / scale), -127, 127)``.

    Args:
        values: Array of any shape.
        scale: One step, or one per row of the first axis.

    Returns:
        int8 of the same shape.

    Example:
        >>> to_int8([0.6, -1.0, 9.0], 0.5).tolist()
        [1, -2, 18]
    """
    array = np.asarray(values, np.float32)
    steps = _along_first_axis(scale, array.ndim)
    return np.clip(np.round(array / steps), -LEVELS, LEVELS).astype(np.int8)


def from_int8(quantized: npt.NDArray[np.int8], scale: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Undo :func:`to_int8` up to rounding and clipping.

    Example:
        >>> from_int8(np.array([1, -2], np.int8), 0.5).tolist()
        [0.5, -1.0]
    """
    return quantized.astype(np.float32) * _along_first_axis(scale, quantized.ndim)


def _along_first_axis(scale: npt.ArrayLike, dimensions: int) -> npt.NDArray[np.float32]:
    steps = np.atleast_1d(np.asarray(scale, np.float32))
    return steps.reshape(-1, *[1] * max(dimensions - 1, 0))


def check_percentile(percentile: float) -> None:
    """Refuse a percentile at which nothing can be clipped.

    Raises:
        QuantizationError: It is not above 0 and at most 100.
    """
    if not 0 < percentile <= 100:
        raise QuantizationError(f"A percentile lies above 0 and at most at 100, not at {percentile}: 99 is paper B's.")


def check_choice(what: str, given: str, choices: tuple[str, ...]) -> None:
    """Refuse a name that is not among ``choices``.

    Raises:
        QuantizationError: It is not.
    """
    if given not in choices:
        raise QuantizationError(f"There is no quantization {what} {given!r}: choose one of {', '.join(choices)}.")
