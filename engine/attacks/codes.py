"""The honest-but-curious server: what hash codes tell it, plain and masked.

A mask (``engine.retrieval.CodeMask``) permutes the bits of all codes alike and flips some. It keeps every distance,
because the search needs them, and so it keeps everything that follows from distances.
"""

from itertools import permutations

import numpy as np

from engine.attacks.outcome import Adversary, Guesses, blind
from engine.evaluation import neighbour_vote
from engine.hashing.codes import hamming_distances, unpack_bits
from engine.retrieval import CodeMask

CLUSTERS = Adversary(knows="All stored codes.")
PROBING = Adversary(knows="All stored codes, the public hashing network, and labelled public pictures.")
KNOWN_PAIRS = Adversary(knows="All stored codes, and the plain codes of a few of them.")
LISTED = Adversary(
    knows="All stored codes, the public hashing network, and every picture of the collection, unordered."
)
REPEATS = Adversary(knows="The codes of all queries, in the order they came.")


def clusters(codes: np.ndarray, count: int, seed: int = 0, restarts: int = 8, rounds: int = 50) -> np.ndarray:
    """Group codes by k-means on their bits, k-means++ starts, the tightest of several runs.

    Args:
        codes: ``(N, bits // 8)`` uint8, plain or masked.
        count: number of groups.
        seed: of the starts.
        restarts: number of runs.
        rounds: at most, in each run.

    Returns:
        ``(N,)`` int64, groups 0 to count - 1.
    """
    points, rng = unpack_bits(codes).astype(np.float64), np.random.default_rng(seed)
    runs = [_k_means(points, _starts(points, count, rng), rounds) for _ in range(restarts)]
    return min(runs, key=lambda run: run[1])[0]


def _starts(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    centres = points[rng.integers(len(points), size=1)]
    while len(centres) < count:
        distance = _squares(points, centres).min(axis=1) + 1e-12
        centres = np.vstack([centres, points[rng.choice(len(points), p=distance / distance.sum())]])
    return centres


def _k_means(points: np.ndarray, centres: np.ndarray, rounds: int) -> tuple[np.ndarray, float]:
    for _ in range(rounds):
        groups = _squares(points, centres).argmin(axis=1)
        members = [points[groups == n] for n in range(len(centres))]
        moved = np.stack([m.mean(axis=0) if len(m) else c for m, c in zip(members, centres, strict=True)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    squares = _squares(points, centres)
    return squares.argmin(axis=1), float(squares.min(axis=1).sum())


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)


def purity(groups: np.ndarray, labels: np.ndarray) -> Guesses:
    """How far groups are labels: right is a picture whose label is its group's commonest.

    Args:
        groups: ``(N,)`` int64.
        labels: ``(N,)`` int64.

    >>> purity(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6])).rate.mean
    0.75
    """
    commonest = {group: np.bincount(labels[groups == group]).argmax() for group in np.unique(groups)}
    named = np.array([commonest[group] for group in groups])
    return Guesses(named == labels, blind(labels))


def name_groups(codes: np.ndarray, groups: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Put labels on groups of masked codes by their geometry, which the mask keeps.

    The attacker groups plain codes of its own pictures in the same way, compares the mean distances between and within
    groups, and takes the pairing of groups that fits best; each group gets the label that is commonest in its partner.

    Args:
        codes: ``(N, bits // 8)`` uint8 masked codes.
        groups: ``(N,)`` int64, 0 to C - 1, each present; C of at most six or so.
        reference: ``(M, bits // 8)`` uint8 plain codes of public pictures.
        labels: ``(M,)`` int64, their labels.

    Returns:
        ``(N,)`` int64 labels.
    """
    own = clusters(reference, int(groups.max()) + 1)
    seen, expected = _geometry(codes, groups), _geometry(reference, own)
    orders = [list(order) for order in permutations(range(len(expected)))]
    best = min(orders, key=lambda order: np.abs(seen - expected[np.ix_(order, order)]).sum())
    commonest = np.array([np.bincount(labels[own == group]).argmax() for group in range(len(expected))])
    return commonest[np.array(best)[groups]]


def _geometry(codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """``(C, C)`` mean Hamming distances between the members of groups."""
    distances = hamming_distances(codes, codes).astype(np.float64)
    members = groups[:, None] == np.arange(groups.max() + 1)
    totals = members.T.astype(float) @ distances @ members
    return totals / np.outer(members.sum(axis=0), members.sum(axis=0))


def probe(stored: np.ndarray, own: np.ndarray, own_labels: np.ndarray, k: int = 10) -> np.ndarray:
    """Label stored codes by the plain codes of the server's own labelled pictures.

    Args:
        stored: ``(N, bits // 8)`` uint8, plain or masked.
        own: ``(M, bits // 8)`` uint8, plain.
        own_labels: ``(M,)`` int64.
        k: neighbours that vote.

    Returns:
        ``(N,)`` int64 labels.
    """
    return neighbour_vote(stored, own, own_labels, k=k)


def recover_mask(plain: np.ndarray, masked: np.ndarray) -> CodeMask:
    """Find the mask from codes known in both forms.

    A bit keeps its pattern over the known codes wherever it is moved, up to a flip. Where two bits have one pattern,
    one of the possibilities is taken; then the known codes did not tell, and the mask is right for codes like them.

    Args:
        plain: ``(K, bits // 8)`` uint8.
        masked: ``(K, bits // 8)`` uint8, in the same order.
    """
    before, after = unpack_bits(plain), unpack_bits(masked)
    origin = np.empty(before.shape[1], np.int64)
    origin[np.lexsort(after ^ after[0])] = np.lexsort(before ^ before[0])
    return CodeMask(permutation=origin, flips=before[0, origin] ^ after[0])


def match_by_distances(codes: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Tell which stored code is which picture, by how far each lies from all others: a mask keeps that.

    Args:
        codes: ``(N, bits // 8)`` uint8, masked or not, the whole collection.
        candidates: ``(M, bits // 8)`` uint8, plain codes of the pictures it is made of.

    Returns:
        ``(N,)`` int64, the candidate that lies most alike among the candidates, the first of equals.
    """
    seen, expected = _distance_counts(codes), _distance_counts(candidates)
    return np.array([np.abs(expected - row).sum(axis=1).argmin() for row in seen])


def _distance_counts(codes: np.ndarray) -> np.ndarray:
    """``(N, bits + 1)`` share of all codes at each distance from each code."""
    counts = [np.bincount(row, minlength=codes.shape[1] * 8 + 1) for row in hamming_distances(codes, codes)]
    return np.stack(counts) / len(codes)


def repeated_queries(codes: np.ndarray) -> np.ndarray:
    """Link queries that carry the same code: ``(N, bits // 8)`` uint8 to ``(N,)`` int64, equal where linked."""
    return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
