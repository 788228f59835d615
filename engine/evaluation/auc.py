"""Area under the ROC curve, and the score it is taken of when pictures are ranked by distance."""

import numpy as np
import numpy.typing as npt

from engine.evaluation.ranking import Floats, Matrix


def auc_per_positive(scores: npt.ArrayLike, positive: npt.ArrayLike) -> Floats:
    """Return, for each positive, the share of negatives that score lower, ties counted half; their mean is the AUC.

    The mean is the Mann-Whitney statistic (Hanley and McNeil 1982); single values make a bootstrap over positives.

    Args:
        scores: ``(N,)`` float, higher is more positive.
        positive: ``(N,)`` bool.

    Returns:
        ``(P,)`` float64 in 0..1, one for each positive, in their order.

    Raises:
        ValueError: There is no positive or no negative, or a score is not a number.

    Example:
        >>> auc_per_positive([3.0, 1.0, 2.0, 1.0], [True, True, False, False]).tolist()
        [1.0, 0.25]
    """
    values, chosen = np.asarray(scores, np.float64), np.asarray(positive, bool)
    if chosen.all() or not chosen.any():
        raise ValueError("an AUC needs positives and negatives")
    if np.isnan(values).any():
        raise ValueError("an AUC needs scores that are numbers")
    mine, others = values[chosen], np.sort(values[~chosen])
    lower, not_higher = (np.searchsorted(others, mine, side=side) for side in ("left", "right"))
    return (lower + not_higher) / (2.0 * len(others))


def distance_margin(distances: Matrix, positive: npt.NDArray[np.bool_]) -> Floats:
    """Return how much nearer each query lies to the gallery's positives than to its negatives.

    However few positives the gallery has, their mean distance weighs as much as the negatives'. Items at an infinite
    distance are not in a query's gallery.

    Args:
        distances: ``(Q, G)``.
        positive: ``(G,)`` bool, which items are positive.

    Returns:
        ``(Q,)`` float64; not a number where a query has no positive or no negative in its gallery.

    Example:
        >>> distance_margin(np.array([[1.0, 4.0, 6.0]]), np.array([True, False, False])).tolist()
        [4.0]
    """
    held = np.where(np.isfinite(distances), distances, np.nan).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = []
        for chosen in (~positive, positive):
            part = held[:, chosen]
            counted = (~np.isnan(part)).sum(axis=1)
            means.append(np.divide(np.nansum(part, axis=1), counted, out=np.full(len(part), np.nan), where=counted > 0))
    return means[0] - means[1]
