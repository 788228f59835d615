"""Retrieval metrics: how well a ranking by distance finds pictures of the query's class.

Every metric takes ``(query_codes, query_labels, gallery_codes, gallery_labels)``. Packed uint8 codes are
ranked by Hamming distance; floating-point features may stand in their place and are ranked by Euclidean
distance, for controls such as the float ceiling of an encoder. A query must not be in its own gallery.
For each figure there is a function with one value per query (for bootstrap intervals) and one with their
mean.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.distances import pairwise_distances
from engine.evaluation.ranking import (
    Empty,
    Floats,
    Matrix,
    Ties,
    divide,
    expected_hits,
    ranked_average_precision,
)

QUERIES_AT_ONCE = 256

Labels = npt.ArrayLike
RowMetric = Callable[[Matrix, npt.NDArray[np.bool_]], Floats]


def mean_average_precision(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> float:
    """Mean over the queries of :func:`average_precision`.

    Example:
        >>> codes = np.array([[0], [1], [255]], np.uint8)
        >>> mean_average_precision(codes[:1], ["a"], codes[1:], ["a", "b"])
        1.0
    """
    return mean_of(average_precision(query_codes, query_labels, gallery_codes, gallery_labels, ties, empty))


def average_precision(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> Floats:
    """Tie-aware average precision of each query over the whole gallery (He et al., CVPR 2018).

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        query_labels: ``(Q,)`` labels of any comparable kind.
        gallery_codes: ``(G, ...)``, of the same kind as ``query_codes``.
        gallery_labels: ``(G,)`` labels; an item is relevant when its label equals the query's.
        ties: "expected" over all orders of equally near items, or the gallery's "order".
        empty: a query with no relevant item in the gallery counts "zero", or is "skip"ped (NaN).

    Returns:
        ``(Q,)`` float64 in 0..1; the denominator is every relevant item of the gallery.

    Raises:
        ValueError: shapes that do not fit together, or no query at all.
        TypeError: neither packed codes nor floating-point features.

    Example:
        >>> codes = np.array([[0], [1], [2], [4]], np.uint8)
        >>> average_precision(codes[:1], [1], codes[1:], [1, 0, 0]).round(4).tolist()
        [0.6111]
    """

    def metric(distances: Matrix, relevant: npt.NDArray[np.bool_]) -> Floats:
        return ranked_average_precision(distances, relevant, ties, empty)

    return _per_query(metric, query_codes, query_labels, gallery_codes, gallery_labels)


def precision_at(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    n: int,
    ties: Ties = "expected",
) -> float:
    """P@N: mean share of relevant items among the nearest ``n``; see :func:`precision_curve`.

    Example:
        >>> codes = np.array([[0], [1], [2], [4]], np.uint8)
        >>> precision_at(codes[:1], [1], codes[1:], [1, 0, 0], n=1) == 1 / 3
        True
    """
    return mean_of(precision_curve(query_codes, query_labels, gallery_codes, gallery_labels, n, ties)[:, -1])


def precision_curve(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    n: int,
    ties: Ties = "expected",
) -> Floats:
    """P@1, P@2, .. P@n of each query (paper A Table 3).

    Tie groups nearer than the cut count in full, the group at the cut by its expected share.

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        query_labels: ``(Q,)`` labels.
        gallery_codes: ``(G, ...)``, of the same kind as ``query_codes``.
        gallery_labels: ``(G,)`` labels.
        n: last rank, at least 1; ranks beyond the gallery's end count as misses.
        ties: "expected" over all orders of equally near items, or the gallery's "order".

    Returns:
        ``(Q, n)`` float64 in 0..1.

    Example:
        >>> features = np.array([[0.0], [0.1], [0.2]])
        >>> precision_curve(features[:1], [1], features[1:], [1, 0], n=2).tolist()
        [[1.0, 0.5]]
    """

    def metric(distances: Matrix, relevant: npt.NDArray[np.bool_]) -> Floats:
        return expected_hits(distances, relevant, n, ties) / np.arange(1, n + 1)

    return _per_query(metric, query_codes, query_labels, gallery_codes, gallery_labels)


def recall_at(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    k: int,
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> float:
    """Recall@K: mean share of all relevant items that the nearest ``k`` hold; see :func:`recall_curve`.

    Example:
        >>> codes = np.array([[0], [1], [3]], np.uint8)
        >>> recall_at(codes[:1], [1], codes[1:], [1, 1], k=1)
        0.5
    """
    return mean_of(recall_curve(query_codes, query_labels, gallery_codes, gallery_labels, k, ties, empty)[:, -1])


def recall_curve(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    k: int = 200,
    ties: Ties = "expected",
    empty: Empty = "zero",
) -> Floats:
    """Recall@1, Recall@2, .. Recall@k of each query (paper A Fig. 9).

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        query_labels: ``(Q,)`` labels.
        gallery_codes: ``(G, ...)``, of the same kind as ``query_codes``.
        gallery_labels: ``(G,)`` labels.
        k: last rank, at least 1.
        ties: "expected" over all orders of equally near items, or the gallery's "order".
        empty: a query with no relevant item in the gallery counts "zero", or is "skip"ped (NaN).

    Returns:
        ``(Q, k)`` float64, rising along each row to 1 at the end of the gallery.

    Example:
        >>> features = np.array([[0.0], [0.1], [0.2]])
        >>> recall_curve(features[:1], [1], features[1:], [1, 1], k=2).tolist()
        [[0.5, 1.0]]
    """

    def metric(distances: Matrix, relevant: npt.NDArray[np.bool_]) -> Floats:
        return divide(expected_hits(distances, relevant, k, ties), relevant.sum(axis=1, keepdims=True), empty)

    return _per_query(metric, query_codes, query_labels, gallery_codes, gallery_labels)


def precision_within_radius(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    radius: float = 2,
    empty: Empty = "zero",
) -> float:
    """P@H<=radius: mean of :func:`ball_precision`. Quote :func:`empty_ball_share` beside it.

    Example:
        >>> codes = np.array([[0], [1], [3], [7]], np.uint8)
        >>> precision_within_radius(codes[:1], [1], codes[1:], [1, 0, 1])
        0.5
    """
    return mean_of(ball_precision(query_codes, query_labels, gallery_codes, gallery_labels, radius, empty))


def ball_precision(
    query_codes: Matrix,
    query_labels: Labels,
    gallery_codes: Matrix,
    gallery_labels: Labels,
    radius: float = 2,
    empty: Empty = "zero",
) -> Floats:
    """Share of relevant items among those within ``radius`` of each query (paper A Fig. 8, P@H<=2).

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        query_labels: ``(Q,)`` labels.
        gallery_codes: ``(G, ...)``, of the same kind as ``query_codes``.
        gallery_labels: ``(G,)`` labels.
        radius: largest distance inside the ball.
        empty: a query whose ball holds nothing counts "zero", or is "skip"ped (NaN).

    Returns:
        ``(Q,)`` float64 in 0..1.

    Example:
        >>> codes = np.array([[0], [255]], np.uint8)
        >>> ball_precision(codes[:1], [1], codes[1:], [1], empty="skip").tolist()
        [nan]
    """

    def metric(distances: Matrix, relevant: npt.NDArray[np.bool_]) -> Floats:
        inside = distances <= radius
        return divide((inside & relevant).sum(axis=1), inside.sum(axis=1), empty)

    return _per_query(metric, query_codes, query_labels, gallery_codes, gallery_labels)


def empty_ball_share(query_codes: Matrix, gallery_codes: Matrix, radius: float = 2) -> float:
    """Share of queries with nothing of the gallery within ``radius``.

    Example:
        >>> empty_ball_share(np.array([[0], [255]], np.uint8), np.array([[3]], np.uint8))
        0.5
    """
    return float(np.mean(~(pairwise_distances(query_codes, gallery_codes) <= radius).any(axis=1)))


def mean_of(per_query: Floats) -> float:
    """Mean of the per-query values, skipped queries (NaN) left out; NaN when all were skipped.

    Example:
        >>> mean_of(np.array([1.0, np.nan, 0.0]))
        0.5
    """
    counted = per_query[~np.isnan(per_query)]
    return float(counted.mean()) if len(counted) else float("nan")


def _per_query(
    metric: RowMetric, queries: Matrix, query_labels: Labels, gallery: Matrix, gallery_labels: Labels
) -> Floats:
    """Apply a metric of (distances, relevant) to the queries, a block at a time to bound the memory."""
    queries, wanted, held = np.asarray(queries), _label_vector(query_labels), _label_vector(gallery_labels)
    if len(queries) == 0:
        raise ValueError("a retrieval metric needs at least one query")
    if len(wanted) != len(queries) or len(held) != len(gallery):
        raise ValueError(
            f"{len(queries)} queries with {len(wanted)} labels, {len(gallery)} gallery items with {len(held)}"
        )
    blocks = [slice(start, start + QUERIES_AT_ONCE) for start in range(0, len(queries), QUERIES_AT_ONCE)]
    return np.concatenate(
        [metric(pairwise_distances(queries[rows], gallery), wanted[rows, None] == held) for rows in blocks]
    )


def _label_vector(labels: Labels) -> npt.NDArray[Any]:
    vector = np.asarray(labels)
    if vector.ndim != 1:
        raise ValueError(f"labels must be a vector, not of shape {vector.shape}")
    return vector
