"""One distance matrix for every kind of representation: Hamming for codes, Euclidean for features."""

import numpy as np
import numpy.typing as npt

from engine.evaluation.ranking import Floats, Matrix
from engine.hashing.codes import hamming_distances


def pairwise_distances(queries: Matrix, gallery: Matrix) -> Matrix:
    """Hamming distances of packed codes, or Euclidean distances of features.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` floating-point features.
        gallery: ``(G, ...)``, of the same kind.

    Returns:
        ``(Q, G)`` uint16 (bits), or float32: computed in double and rounded, so that distances which differ
        by rounding errors only are ties.

    Raises:
        TypeError: neither packed codes nor floating-point features.
        ValueError: features that are not finite or differ in width, codes that differ in length.

    Example:
        >>> pairwise_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist()
        [[5.0]]
    """
    queries, gallery = np.asarray(queries), np.asarray(gallery)
    if queries.dtype == gallery.dtype == np.uint8:
        return hamming_distances(queries, gallery)
    if not (np.issubdtype(queries.dtype, np.floating) and np.issubdtype(gallery.dtype, np.floating)):
        raise TypeError(f"compare uint8 codes or float features, not {queries.dtype} with {gallery.dtype}")
    return _euclidean_distances(queries.astype(np.float64), gallery.astype(np.float64))


def _euclidean_distances(first: Floats, second: Floats) -> npt.NDArray[np.float32]:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"features of shapes {first.shape} and {second.shape} cannot be compared")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("features must be finite")
    # |a|^2 + |b|^2 - 2ab cancels badly far from the origin; distances do not care where that is.
    centre = second.mean(axis=0) if len(second) else 0.0
    first, second = first - centre, second - centre
    lengths = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
    squared = lengths - 2 * first @ second.T
    squared[squared < 1e-12 * lengths] = 0
    return np.sqrt(squared).astype(np.float32)
