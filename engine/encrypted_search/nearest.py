"""Search without any network: the stored cipher picture whose bits differ least from the query's.

One key moves every sample of every picture to the same place and XORs it with the same mask, so the bits of two
cipher pictures differ exactly where those of the pictures do: whatever the block size, nothing is hidden from
neighbours. Under a key of each picture's own the same search meets unrelated bits.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.evaluation.ranking import Floats, Matrix, ranked_average_precision

VOTERS = 5
KEPT = 10


@dataclass(frozen=True)
class Ranking:
    """What a search by distance found.

    Attributes:
        nearest: ``(Q, 10)`` uint16, positions of the nearest gallery pictures, nearest first, earlier ones first
            among equals.
        average_precision: ``(Q,)`` float64 of each query's whole ranking, tie-aware.
    """

    nearest: npt.NDArray[np.uint16]
    average_precision: Floats


def hamming_bits(queries: np.ndarray, gallery: np.ndarray) -> npt.NDArray[np.int32]:
    """Count the bits in which pictures differ.

    Args:
        queries: ``(Q, ...)`` uint8, as many bytes a picture as ``gallery`` has, a multiple of 8.
        gallery: ``(G, ...)`` uint8.

    Returns:
        ``(Q, G)`` int32.

    Example:
        >>> hamming_bits(np.zeros((1, 8), np.uint8), np.full((1, 8), 3, np.uint8)).tolist()
        [[16]]
    """
    asked, held = (np.ascontiguousarray(side).reshape(len(side), -1).view(np.uint64) for side in (queries, gallery))
    return np.stack([np.bitwise_count(held ^ row).sum(axis=1, dtype=np.int32) for row in asked])


def rank(distances: Matrix, labels: np.ndarray, gallery_labels: np.ndarray) -> Ranking:
    """Rank a gallery for every query.

    Args:
        distances: ``(Q, G)``, smaller is nearer.
        labels: ``(Q,)`` classes of the queries.
        gallery_labels: ``(G,)`` classes of the gallery.
    """
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :KEPT].astype(np.uint16)
    return Ranking(nearest, ranked_average_precision(distances, labels[:, None] == gallery_labels))


def vote(nearest_labels: np.ndarray, classes: int) -> npt.NDArray[np.uint8]:
    """Return the class that most of the nearest pictures have; equal votes go to the nearer picture's.

    Args:
        nearest_labels: ``(Q, k)`` classes of the k nearest, nearest first.
        classes: Number of classes.

    Example:
        >>> vote(np.array([[2, 0, 0], [1, 0, 2]]), 3).tolist()
        [0, 1]
    """
    votes = (nearest_labels[:, :, None] == np.arange(classes)).sum(axis=1)
    most = np.take_along_axis(votes, nearest_labels, axis=1) == votes.max(axis=1, keepdims=True)
    return np.take_along_axis(nearest_labels, most.argmax(axis=1)[:, None], axis=1)[:, 0].astype(np.uint8)
