"""Every figure of one hashing method at one code length, as plain data for a result file.

Figures are computed from codes and labels alone, so that a stored code file is enough to check a stored report.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.bootstrap import bootstrap_band, interval
from engine.evaluation.classification import confusion_matrix
from engine.evaluation.ranking import Matrix
from engine.evaluation.retrieval import (
    average_precision,
    ball_precision,
    precision_curve,
    recall_curve,
)
from engine.evaluation.vote import neighbour_vote

RADIUS = 2
NEIGHBOURS = 10
RECALL_RANKS = 200


def report_tasks(
    queries: Matrix,
    query_labels: npt.NDArray[np.int64],
    gallery: Matrix,
    gallery_labels: npt.NDArray[np.int64],
    classes: Sequence[str],
    positive: int = 0,
) -> dict[str, Any]:
    """Report the binary task of paper A (``positive`` against the rest) and the task with every class.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features for the ceiling.
        query_labels: ``(Q,)`` positions in ``classes``.
        gallery: ``(G, ...)``, of the same kind.
        gallery_labels: ``(G,)`` positions in ``classes``.
        classes: Class names.
        positive: The class that the binary task asks for.

    Returns:
        ``{"binary": ..., "three_class": ...}``, each as :func:`report` returns it.
    """
    binary = (queries, (query_labels != positive) * 1, gallery, (gallery_labels != positive) * 1)
    every = (queries, query_labels, gallery, gallery_labels)
    return {
        "binary": report(*binary, classes=(classes[positive], "other")),
        "three_class": report(*every, classes=classes),
    }


def report(
    queries: Matrix,
    query_labels: npt.NDArray[np.int64],
    gallery: Matrix,
    gallery_labels: npt.NDArray[np.int64],
    classes: Sequence[str],
) -> dict[str, Any]:
    """Report mAP, P@1/5/10, P@H<=2 with empty balls, recall to 200 and the vote of ten neighbours.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features.
        query_labels: ``(Q,)`` positions in ``classes``.
        gallery: ``(G, ...)``, of the same kind.
        gallery_labels: ``(G,)`` positions in ``classes``.
        classes: Class names.

    Returns:
        Plain data; a figure with an interval is ``[mean, low, high]`` (95 % bootstrap over queries).
        Float features have no Hamming ball, so those two entries are left out.

    Example:
        >>> codes, labels = np.array([[0], [1], [254], [255]], np.uint8), np.array([0, 0, 1, 1])
        >>> report(codes[::3], labels[::3], codes[1:3], labels[1:3], ("a", "b"))["map"]
        [1.0, 1.0, 1.0]
    """
    ranking = (queries, query_labels, gallery, gallery_labels)
    voted = neighbour_vote(queries, gallery, gallery_labels, k=NEIGHBOURS, classes=range(len(classes)))
    return summary(query_figures(*ranking, voted)) | {
        "recall": _band(recall_curve(*ranking, k=RECALL_RANKS)),
        "classes": list(classes),
        "confusion": confusion_matrix(query_labels, voted, range(len(classes))).tolist(),
    }


def query_figures(
    queries: Matrix,
    query_labels: npt.NDArray[np.int64],
    gallery: Matrix,
    gallery_labels: npt.NDArray[np.int64],
    voted: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[np.float64]]:
    """Return what every single query scores, before anything is averaged.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features.
        query_labels: ``(Q,)`` classes.
        gallery: ``(G, ...)``, of the same kind.
        gallery_labels: ``(G,)`` classes.
        voted: ``(Q,)`` classes that the neighbours voted for.

    Returns:
        Name of a figure to ``(Q,)`` float64; ``empty_balls`` is 1 where a query's ball holds nothing.
    """
    ranking = (queries, query_labels, gallery, gallery_labels)
    precision = precision_curve(*ranking, n=NEIGHBOURS)
    figures = {
        "map": average_precision(*ranking),
        "p_at_1": precision[:, 0],
        "p_at_5": precision[:, 4],
        "p_at_10": precision[:, 9],
        "accuracy": np.asarray(voted == query_labels, np.float64),
    }
    if queries.dtype == np.uint8:
        inside = ball_precision(*ranking, radius=RADIUS, empty="skip")
        figures["precision_within_2"] = np.nan_to_num(inside)
        figures["empty_balls"] = np.isnan(inside).astype(np.float64)
    return figures


def summary(per_query: Mapping[str, npt.NDArray[np.float64]]) -> dict[str, Any]:
    """Average what :func:`query_figures` returned: ``[mean, low, high]`` each, of ``empty_balls`` the share alone."""
    figures: dict[str, Any] = {name: interval(values) for name, values in per_query.items()}
    if "empty_balls" in figures:
        figures["empty_balls"] = figures["empty_balls"][0]
    return figures


def _band(per_query: npt.NDArray[np.float64]) -> dict[str, list[float]]:
    band = bootstrap_band(per_query)
    return {name: np.round(getattr(band, name), 4).tolist() for name in ("mean", "low", "high")}
