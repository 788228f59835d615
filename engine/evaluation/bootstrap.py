"""Bootstrap intervals over queries: how much a mean would move with other pictures as queries.

Queries are drawn with replacement and the percentiles of the resampled means are taken. A skipped query
(NaN) is left out of every mean that draws it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.evaluation.ranking import Floats

# Of a figure in a result file.
DECIMALS = 6


class Interval(NamedTuple):
    """A mean with the lower and upper end of its interval."""

    mean: float
    low: float
    high: float


class Band(NamedTuple):
    """The mean of curves with the lower and upper end at each point, ``(n,)`` float64 each."""

    mean: Floats
    low: Floats
    high: Floats


class PairedDifference(NamedTuple):
    """Mean of second minus first, its interval, and a two-sided bootstrap p-value of "no difference"."""

    mean: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(per_query: npt.ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Interval:
    """Mean of one value per query with its bootstrap interval.

    Args:
        per_query: ``(Q,)``, for example from ``average_precision``.
        level: coverage of the interval.
        resamples: number of resampled query sets.
        seed: of the resampling; equal seeds and equal Q draw the same queries.

    Returns:
        mean, low and high.

    Raises:
        ValueError: no value at all, not a vector, or a level outside 0..1.

    Example:
        >>> bootstrap_interval([1.0, 1.0, 1.0])
        Interval(mean=1.0, low=1.0, high=1.0)
    """
    values = np.asarray(per_query, np.float64)
    if values.ndim != 1:
        raise ValueError(f"one value per query makes a vector, not shape {values.shape}")
    band = bootstrap_band(values[:, None], level, resamples, seed)
    return Interval(*(float(end[0]) for end in band))


def bootstrap_band(per_query: npt.ArrayLike, level: float = 0.95, resamples: int = 2000, seed: int = 0) -> Band:
    """Mean of one curve per query with a pointwise bootstrap interval.

    Args:
        per_query: ``(Q, n)``, for example from ``recall_curve``.
        level: coverage at each point.
        resamples: number of resampled query sets.
        seed: of the resampling.

    Returns:
        mean, low and high, ``(n,)`` each.

    Raises:
        ValueError: no value at all, not a matrix, or a level outside 0..1.

    Example:
        >>> bootstrap_band([[0.0, 1.0], [0.0, 1.0]]).high.tolist()
        [0.0, 1.0]
    """
    curves = np.asarray(per_query, np.float64)
    means = _resampled_means(curves, resamples, seed)
    low, high = np.nanquantile(means, _tails(level), axis=0)
    return Band(_weighted_mean(np.ones((1, len(curves))), curves)[0], low, high)


def interval(values: npt.ArrayLike, decimals: int = DECIMALS) -> list[float]:
    """Return ``[mean, low, high]`` of a figure that each query has, 95 % bootstrap, as result files hold it.

    Args:
        values: ``(N,)`` numbers, or yes and no.
        decimals: Of the three numbers.

    Example:
        >>> interval([True, True])
        [1.0, 1.0, 1.0]
    """
    return [round(end, decimals) for end in bootstrap_interval(np.asarray(values, np.float64))]


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Compare two methods on the same queries: is the second better, and by how much?

    Args:
        first: ``(Q,)`` values of one method.
        second: ``(Q,)`` values of the other on the same queries in the same order.
        level: coverage of the interval.
        resamples: number of resampled query sets.
        seed: of the resampling.

    Returns:
        Mean of ``second - first``, its interval, and the two-sided p-value, at least
        ``2 / (resamples + 1)``.

    Raises:
        ValueError: the two differ in shape, or hold no value.

    Example:
        >>> paired_bootstrap([0.1, 0.2, 0.3], [0.3, 0.4, 0.5]).mean.__round__(6)
        0.2
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"paired values are two vectors of one length, not {one.shape} and {other.shape}")
    differences = (other - one)[:, None]
    means = _resampled_means(differences, resamples, seed)[:, 0]
    low, high = np.nanquantile(means, _tails(level))
    rarer = min((means <= 0).sum(), (means >= 0).sum())
    p_value = min(1.0, 2 * (rarer + 1) / (resamples + 1))
    return PairedDifference(float(np.nanmean(differences)), float(low), float(high), float(p_value))


def _resampled_means(curves: Floats, resamples: int, seed: int) -> Floats:
    """Means of the columns over ``resamples`` draws of the rows, ``(resamples, n)``."""
    if curves.ndim != 2 or np.isnan(curves).all(axis=0).any():
        raise ValueError("a bootstrap needs at least one query with a value")
    count = len(curves)
    drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
    drawn += np.arange(resamples)[:, None] * count
    times = np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count)
    return _weighted_mean(times, curves)


def _weighted_mean(times: npt.NDArray[Any], curves: Floats) -> Floats:
    counted = ~np.isnan(curves)
    with np.errstate(invalid="ignore"):
        return (times @ np.where(counted, curves, 0.0)) / (times @ counted.astype(np.float64))


def _tails(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, not at {level}")
    return (1 - level) / 2, (1 + level) / 2
