"""Label of a picture by the vote of its nearest neighbours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.distances import pairwise_distances
from engine.evaluation.ranking import Floats, Matrix, Ties, expected_hits


def neighbour_vote(
    query_codes: Matrix,
    gallery_codes: Matrix,
    gallery_labels: npt.ArrayLike,
    k: int = 10,
    ties: Ties = "expected",
    classes: Sequence[Any] | None = None,
) -> npt.NDArray[Any]:
    """Class with the most votes among each query's ``k`` nearest neighbours.

    Equal votes go to the class that has the nearer nearest item, and then to the earlier of ``classes``.

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        gallery_codes: ``(G, ...)``, of the same kind.
        gallery_labels: ``(G,)`` labels.
        k: number of neighbours.
        ties: "expected" gives a class its expected share of the tie group at the cut; "order" takes the
            gallery's order.
        classes: the labels that can win; all labels of the gallery, sorted, when not given.

    Returns:
        ``(Q,)`` labels.

    Raises:
        ValueError: not one label for each gallery item, no class to vote for, or ``k`` below 1.

    Example:
        >>> codes = np.array([[0], [1], [3], [255]], np.uint8)
        >>> neighbour_vote(codes[:1], codes[1:], ["a", "a", "b"], k=3).tolist()
        ['a']
    """
    distances, held = _labelled(query_codes, gallery_codes, gallery_labels)
    return winning_label(distances, held, k, ties, classes)


def winning_label(
    distances: Matrix,
    gallery_labels: npt.NDArray[Any],
    k: int = 10,
    ties: Ties = "expected",
    classes: Sequence[Any] | None = None,
) -> npt.NDArray[Any]:
    """As :func:`neighbour_vote`, from distances: an item at an infinite distance is not in the query's gallery.

    Args:
        distances: ``(Q, G)``.
        gallery_labels: ``(G,)`` labels.
        k: number of neighbours.
        ties: as in :func:`neighbour_vote`.
        classes: as in :func:`neighbour_vote`.

    Returns:
        ``(Q,)`` labels.

    Example:
        >>> winning_label(np.array([[0.0, 1.0, np.inf]]), np.array(["a", "a", "b"]), k=3).tolist()
        ['a']
    """
    held = gallery_labels
    candidates = np.unique(held) if classes is None else np.asarray(classes)
    votes = _votes(distances, held, candidates, k, ties)
    nearest = [np.where(held == label, distances, np.inf).min(axis=1, initial=np.inf) for label in candidates]
    # Shares of a cut tie group are fractions: 1/3 + 2/3 and 1 must count as the same number of votes.
    winner = np.lexsort((np.stack(nearest, axis=1), -votes.round(9)), axis=1)[:, 0]
    return candidates[winner]


def neighbour_votes(
    query_codes: Matrix,
    gallery_codes: Matrix,
    gallery_labels: npt.ArrayLike,
    classes: Sequence[Any],
    k: int = 10,
    ties: Ties = "expected",
) -> Floats:
    """Votes for each class among each query's ``k`` nearest neighbours.

    Args:
        query_codes: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        gallery_codes: ``(G, ...)``, of the same kind.
        gallery_labels: ``(G,)`` labels.
        classes: the C labels to count, in the order of the columns.
        k: number of neighbours.
        ties: as in :func:`neighbour_vote`.

    Returns:
        ``(Q, C)`` float64; a row sums to ``min(k, G)`` when ``classes`` holds every label.

    Raises:
        ValueError: as :func:`neighbour_vote`.

    Example:
        >>> codes = np.array([[0], [1], [1], [255]], np.uint8)
        >>> neighbour_votes(codes[:1], codes[1:], ["a", "b", "b"], ["a", "b"], k=1).tolist()
        [[0.5, 0.5]]
    """
    distances, held = _labelled(query_codes, gallery_codes, gallery_labels)
    return _votes(distances, held, np.asarray(classes), k, ties)


def _labelled(queries: Matrix, gallery: Matrix, labels: npt.ArrayLike) -> tuple[Matrix, npt.NDArray[Any]]:
    """Distances ``(Q, G)``, and ``(G,)`` labels: a single one would be compared with every item."""
    distances, held = pairwise_distances(queries, gallery), np.asarray(labels)
    if held.shape != distances.shape[1:]:
        raise ValueError(f"{distances.shape[1]} gallery items need as many labels, not an array of shape {held.shape}")
    return distances, held


def _votes(distances: Matrix, held: npt.NDArray[Any], classes: npt.NDArray[Any], k: int, ties: Ties) -> Floats:
    if not len(classes):
        raise ValueError("a vote needs at least one class: the gallery is empty, or no class was named")

    def hits(label: Any) -> Floats:
        return expected_hits(distances, (held == label) & np.isfinite(distances), k, ties)[:, -1]

    return np.stack([hits(label) for label in classes], axis=1)
