"""The server that sees which rows are fetched, some wanted and some decoys, and tells them apart by their codes.

What was wanted lies near one query, so its masked codes lie near each other; a mask keeps that.
"""

import numpy as np
import numpy.typing as npt

from engine.attacks.outcome import Adversary
from engine.hashing.codes import hamming_distances

FETCHES = Adversary(knows="All stored codes, masked, which rows are fetched together, and how many of them are wanted.")


def pick_wanted(codes: npt.NDArray[np.uint8], wanted: int) -> npt.NDArray[np.int64]:
    """Guess which of the rows that are fetched together were wanted: those that lie closest to each other.

    Args:
        codes: ``(M, bits // 8)`` uint8, of the rows in the order of fetching, masked or not.
        wanted: how many of them were.

    Returns:
        ``(wanted,)`` int64 positions: a row and those nearest to it, of all such groups the one with the least sum of
        distances, the first of equals.

    >>> pick_wanted(np.array([[0], [255], [1], [240]], np.uint8), 2).tolist()
    [0, 2]
    """
    distances = hamming_distances(codes, codes)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :wanted]
    spreads = np.take_along_axis(distances, nearest, axis=1).sum(axis=1)
    return nearest[int(spreads.argmin())]
