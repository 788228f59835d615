"""Rank statistics over a matrix of distances, with equal distances treated as ties.

Hamming distances take few values, so a query's gallery falls into groups of equally near items and the
order inside a group means nothing. Everything here takes expectations over all orders inside the groups
(He, Cakir, Bargal and Sclaroff, "Hashing as Tie-Aware Learning to Rank", CVPR 2018), which agrees with
enumerating every permutation. ``ties="order"`` keeps the gallery's order instead, as scripts that sort
once do; it exists to show by how much the order of a database moves a figure.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Ties = Literal["expected", "order"]
Empty = Literal["zero", "skip"]
Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[Any]


class _RankGroups(NamedTuple):
    """For each rank of each query, the tie group it lies in; every field is ``(Q, G)`` int64."""

    nearer: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    nearer_relevant: npt.NDArray[np.int64]
    relevant: npt.NDArray[np.int64]


def ranked_average_precision(
    distances: Matrix, relevant: npt.NDArray[np.bool_], ties: Ties = "expected", empty: Empty = "zero"
) -> Floats:
    """Average precision of each query's ranking.

    For a tie group of n items, p of them relevant, behind N items, M of them relevant, the group adds
    ``(p / n) * sum_{t = N + 1 .. N + n} [M + (t - N - 1)(p - 1) / (n - 1) + 1] / t``, and the sum is divided
    by the number of relevant items in the whole gallery.

    Args:
        distances: ``(Q, G)``, smaller is nearer.
        relevant: ``(Q, G)`` bool.
        ties: "expected" over all orders of equally near items, or the gallery's "order".
        empty: a query without any relevant item counts "zero", or is "skip"ped (NaN).

    Returns:
        ``(Q,)`` float64 in 0..1.

    Example:
        >>> ranked_average_precision(np.array([[0, 1, 1]]), np.array([[True, True, False]])).round(4).tolist()
        [0.9167]
    """
    groups = _rank_groups(distances, relevant, ties)
    rank = np.arange(1, distances.shape[1] + 1)
    share = groups.relevant / groups.size
    within = (rank - groups.nearer - 1) * (groups.relevant - 1) / np.maximum(groups.size - 1, 1)
    gained = (share * (groups.nearer_relevant + within + 1) / rank).sum(axis=1)
    return divide(gained, relevant.sum(axis=1), empty)


def expected_hits(distances: Matrix, relevant: npt.NDArray[np.bool_], depth: int, ties: Ties = "expected") -> Floats:
    """Expected number of relevant items among the nearest 1, 2, .. ``depth``.

    Whole tie groups count in full; a group that the cut falls into counts its expected share.

    Args:
        distances: ``(Q, G)``, smaller is nearer.
        relevant: ``(Q, G)`` bool.
        depth: how many ranks, at least 1. Ranks beyond the gallery's end hold nothing.
        ties: "expected" over all orders of equally near items, or the gallery's "order".

    Returns:
        ``(Q, depth)`` float64, rising along each row.

    Raises:
        ValueError: ``depth`` is below 1.

    Example:
        >>> expected_hits(np.array([[0, 1, 1]]), np.array([[True, True, False]]), depth=3).tolist()
        [[1.0, 1.5, 2.0]]
    """
    if depth < 1:
        raise ValueError(f"a ranking is cut at rank 1 or later, not at {depth}")
    groups = _rank_groups(distances, relevant, ties)
    share = (groups.relevant / groups.size)[:, :depth]
    beyond = depth - share.shape[1]
    return np.cumsum(np.pad(share, ((0, 0), (0, beyond))), axis=1)


def hit_chance(distances: Matrix, relevant: npt.NDArray[np.bool_], depth: int) -> Floats:
    """Chance that at least one relevant item is among the nearest ``depth``, over all orders of equally near items.

    Behind N nearer items, none of them relevant, the cut takes ``depth - N`` of a tie group of n items, r of them
    relevant: it misses them all with chance ``C(n - r, depth - N) / C(n, depth - N)``.

    Args:
        distances: ``(Q, G)``, smaller is nearer.
        relevant: ``(Q, G)`` bool.
        depth: how many ranks, 1 to G.

    Returns:
        ``(Q,)`` float64 in 0..1.

    Raises:
        ValueError: ``depth`` is below 1 or above G.

    Example:
        >>> hit_chance(np.array([[0, 1, 1, 1]]), np.array([[False, True, False, False]]), depth=2).round(4).tolist()
        [0.3333]
    """
    if not 1 <= depth <= distances.shape[1]:
        raise ValueError(f"a ranking of {distances.shape[1]} items is cut at rank 1 to {distances.shape[1]}")
    groups = _rank_groups(distances, relevant, "expected")
    nearer, size, before, among = (field[:, depth - 1] for field in groups)
    taken = depth - nearer
    # The cut draws item after item: each draw misses with the share of the others among those that are left.
    draws = np.arange(depth)
    left = np.maximum(size[:, None] - draws, 1)
    miss = np.where(draws < taken[:, None], np.maximum(left - among[:, None], 0) / left, 1.0).prod(axis=1)
    return np.where(before > 0, 1.0, 1.0 - miss)


def divide(numerator: Matrix, denominator: Matrix, empty: Empty) -> Floats:
    """Divide, with 0 ("zero") or NaN ("skip") wherever the denominator is 0.

    Example:
        >>> divide(np.array([1, 0]), np.array([2, 0]), empty="zero").tolist()
        [0.5, 0.0]
    """
    if empty not in ("zero", "skip"):
        raise ValueError(f'empty must be "zero" or "skip", not {empty!r}')
    denominator = np.broadcast_to(denominator, numerator.shape)
    quotient = np.full(numerator.shape, 0.0 if empty == "zero" else np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


def _rank_groups(distances: Matrix, relevant: npt.NDArray[np.bool_], ties: Ties) -> _RankGroups:
    if ties not in ("expected", "order"):
        raise ValueError(f'ties must be "expected" or "order", not {ties!r}')
    order = np.argsort(distances, axis=1, kind="stable")
    ranked = np.take_along_axis(distances, order, axis=1)
    begins = np.ones(ranked.shape, bool)
    if ties == "expected":
        begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    first, stop = _group_bounds(begins)
    found = np.cumsum(np.take_along_axis(relevant, order, axis=1), axis=1, dtype=np.int64)
    found = np.pad(found, ((0, 0), (1, 0)))
    nearer_relevant = np.take_along_axis(found, first, axis=1)
    return _RankGroups(
        nearer=first,
        size=stop - first,
        nearer_relevant=nearer_relevant,
        relevant=np.take_along_axis(found, stop, axis=1) - nearer_relevant,
    )


def _group_bounds(begins: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First rank, and rank after the last, of the group that each rank lies in."""
    count = begins.shape[1]
    rank = np.arange(count)
    ends = np.ones_like(begins)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, rank, 0), axis=1)
    stop = np.minimum.accumulate(np.where(ends, rank + 1, count)[:, ::-1], axis=1)[:, ::-1]
    return first, stop
