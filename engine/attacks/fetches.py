"""The server that sees which rows are fetched together.

Some are wanted and some decoys: what was wanted lies near one query, so its masked codes lie near each other. And where
the server holds no codes that it could read, rows that are fetched together are alike all the same.
"""

import numpy as np
import numpy.typing as npt

from engine.attacks.outcome import Adversary
from engine.hashing.codes import hamming_distances

FETCHES = Adversary(knows="All stored codes, masked, which rows are fetched together, and how many of them are wanted.")

TOGETHER = Adversary(
    knows="Which rows were fetched together by some searches, the labels of some rows, and no code that it can read."
)


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


def label_by_fetches(
    fetched: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Label rows by the labelled ones that were fetched together with them; those never fetched by the commonest label.

    Args:
        fetched: ``(Q, k)``, rows that each search fetched.
        labels: ``(N,)``, of which those of ``known`` rows are used.
        known: ``(N,)``, whose labels the server knows.

    Returns:
        ``(N,)`` int64.

    >>> label_by_fetches(np.array([[0, 1], [2, 3]]), np.array([7, 0, 4, 0]), np.array([True, False, True, False]))
    array([7, 7, 4, 4])
    """
    names, place = np.unique(labels[known], return_inverse=True)
    votes = np.zeros((len(labels), len(names)))
    told = np.zeros_like(votes)
    told[np.flatnonzero(known), place] = 1
    for rows in fetched:
        votes[rows] += told[rows].sum(axis=0)
    # A vote of all that are known, small enough to count only where nothing else does.
    return np.asarray(names[(votes + 1e-9 * told.sum(axis=0)).argmax(axis=1)])


def match_by_fetches(
    fetched: npt.NDArray[np.int64], expected: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Tell which row is which picture by how often each is fetched, beside how often the server expects each to be.

    Args:
        fetched: ``(Q, k)``, rows that each search fetched.
        expected: ``(M, k)``, pictures that searches of the server's own would fetch.
        rows: ``(R,)``, which rows and pictures are to be matched, named alike.

    Returns:
        ``(R,)`` int64, the picture that each row is taken for: the n-th most fetched for the n-th most expected.

    >>> match_by_fetches(np.array([[0, 1], [0, 2]]), np.array([[1, 0], [1, 2]]), np.array([0, 1, 2])).tolist()
    [1, 0, 2]
    """
    order = [
        np.argsort(-np.bincount(one.ravel(), minlength=rows.max() + 1)[rows], kind="stable")
        for one in (fetched, expected)
    ]
    taken = np.empty(len(rows), np.int64)
    taken[order[0]] = rows[order[1]]
    return taken
