"""Retrieval among pictures that nothing was trained on: every query has its own gallery, all but its own group.

A clinic's collection is of that kind. Pictures of one patient, or copies, share a group; a query never finds its own
group, so what it finds are other people. Everything here works on distances, in which an item that is not in a
query's gallery is infinitely far.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.auc import distance_margin
from engine.evaluation.distances import pairwise_distances
from engine.evaluation.ranking import Floats, Matrix, expected_hits, hit_chance, ranked_average_precision
from engine.evaluation.vote import winning_label

NEIGHBOURS = 10
Labels = npt.NDArray[Any]


def distances_apart(queries: Matrix, gallery: Matrix, query_groups: Labels, gallery_groups: Labels) -> Floats:
    """Return distances in which pictures of the query's own group are infinitely far.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features.
        gallery: ``(G, ...)``, of the same kind; it may hold the queries themselves.
        query_groups: ``(Q,)`` patient or group of each query.
        gallery_groups: ``(G,)`` the same of the gallery.

    Returns:
        ``(Q, G)`` float64.

    Raises:
        ValueError: Not one group for each picture.

    Example:
        >>> codes = np.array([[0], [1], [3]], np.uint8)
        >>> distances_apart(codes, codes, np.array([1, 1, 2]), np.array([1, 1, 2]))[0].tolist()
        [inf, inf, 2.0]
    """
    if query_groups.shape != (len(queries),) or gallery_groups.shape != (len(gallery),):
        raise ValueError(
            f"{len(queries)} queries and {len(gallery)} pictures need a group each, not {len(query_groups)} and "
            f"{len(gallery_groups)}"
        )
    distances = pairwise_distances(queries, gallery).astype(np.float64)
    distances[query_groups[:, None] == gallery_groups] = np.inf
    return distances


def ranking_figures(distances: Floats, query_labels: Labels, gallery_labels: Labels) -> dict[str, Floats]:
    """Return what every query scores: AP, P@1/5/10, and whether its ten neighbours vote for its label.

    Args:
        distances: ``(Q, G)``, infinite where an item is not in the query's gallery.
        query_labels: ``(Q,)``.
        gallery_labels: ``(G,)``.

    Returns:
        Name of a figure to ``(Q,)`` float64; ties count as expected over all orders. A query without any relevant
        item in its gallery has no AP (not a number).

    Example:
        >>> figures = ranking_figures(np.array([[0.0, 1.0, 2.0]]), np.array([1]), np.array([1, 1, 0]))
        >>> figures["map"].tolist(), figures["accuracy"].tolist()
        ([1.0], [1.0])
    """
    relevant = (query_labels[:, None] == gallery_labels) & np.isfinite(distances)
    precision = expected_hits(distances, relevant, NEIGHBOURS) / np.arange(1, NEIGHBOURS + 1)
    voted = winning_label(distances, gallery_labels, k=NEIGHBOURS)
    return {
        "map": ranked_average_precision(distances, relevant, empty="skip"),
        "p_at_1": precision[:, 0],
        "p_at_5": precision[:, 4],
        "p_at_10": precision[:, 9],
        "accuracy": np.asarray(voted == query_labels, np.float64),
    }


def positive_scores(distances: Floats, gallery_labels: Labels, positive: int) -> Floats:
    """Return each query's score of being positive: how much nearer it lies to positives than to negatives.

    Args:
        distances: ``(Q, G)``, infinite where an item is not in the query's gallery.
        gallery_labels: ``(G,)``.
        positive: The positive label.

    Returns:
        ``(Q,)`` float64, for ``engine.evaluation.auc.auc_per_positive``.
    """
    return distance_margin(distances, gallery_labels == positive)


def kin_among(
    queries: Matrix, gallery: Matrix, kin: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], depth: int = NEIGHBOURS
) -> Floats:
    """Return the chance that a query finds another picture of its patient among the nearest, by code alone.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features.
        gallery: ``(G, ...)``, of the same kind; it may hold the queries themselves.
        kin: ``(Q, G)`` bool, whether both show one patient.
        same: ``(Q, G)`` bool, whether both are one picture, which is then not in the query's gallery.
        depth: How many of the nearest.

    Returns:
        ``(K,)`` float64, one for each query that has another picture; the expected chance where distances tie.

    Example:
        >>> codes = np.array([[0], [1], [255]], np.uint8)
        >>> patients = np.array([7, 7, 8])
        >>> kin_among(codes, codes, patients[:, None] == patients, np.eye(3, dtype=bool), depth=1).tolist()
        [1.0, 1.0]
    """
    distances = pairwise_distances(queries, gallery).astype(np.float64)
    distances[same] = np.inf
    others = kin & ~same
    asking = others.any(axis=1)
    return hit_chance(distances[asking], others[asking], min(depth, distances.shape[1]))


def by_value(figures: Mapping[str, Floats], values: Labels, least: int = 1) -> dict[str, dict[str, Floats]]:
    """Split figures of queries by a property of theirs, such as label or source.

    Args:
        figures: Name of a figure to ``(Q,)``.
        values: ``(Q,)`` str; an empty one is unknown and left out.
        least: Queries that a value must have to be listed.

    Returns:
        Value to the figures of its queries, values in order.

    Example:
        >>> by_value({"map": np.array([0.5, 1.0])}, np.array(["a", "b"]))["b"]["map"].tolist()
        [1.0]
    """
    names, counts = np.unique(values, return_counts=True)
    return {
        str(name): {figure: numbers[values == name] for figure, numbers in figures.items()}
        for name, count in zip(names, counts, strict=True)
        if name != "" and count >= least
    }
