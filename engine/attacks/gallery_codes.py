"""What a server learns of a gallery from its masked codes alone, before anybody asks anything.

A mask keeps distances, so groups stay groups. How far they are the diagnoses depends on the share of the bits that
labels decide: a code that is a label in other words tells the label, masked or not.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.attacks.codes import clusters, purity
from engine.attacks.outcome import Adversary, Guesses, blind
from engine.hashing.codes import hamming_distances

ONE_KNOWN = Adversary(knows="All stored codes, and the diagnosis of one stored picture a class.")
DRAWS = 200


@dataclass(frozen=True, eq=False)
class Learned:
    """What the server learns.

    Attributes:
        groups: Purity of k-means groups, as many as there are labels, nothing else known.
        sizes: Shares of the pictures in each group, largest first.
        truth: Shares of the pictures of each label, largest first: what the sizes would tell of an ideal grouping.
        one_known: Share of the other pictures that get their label from one known picture a class, for each draw of the
            known ones: ``(DRAWS,)``.
        shared: Share of the pictures that share their code with another.
        chance: Share that calling everything the commonest label gets right.
    """

    groups: Guesses
    sizes: tuple[float, ...]
    truth: tuple[float, ...]
    one_known: npt.NDArray[np.float64]
    shared: float
    chance: float


def learned_of_gallery(masked: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], seed: int = 0) -> Learned:
    """Group a gallery's masked codes, and label them by one known picture a class.

    Args:
        masked: ``(N, bits // 8)`` uint8 codes as the server holds them.
        labels: ``(N,)`` int64, the truth, which only the judge sees.
        seed: Of k-means' starts and of the draws of known pictures.

    Returns:
        What is learned.

    Example:
        >>> codes, labels = np.array([[0], [1], [254], [255]] * 3, np.uint8), np.array([0, 0, 1, 1] * 3)
        >>> learned_of_gallery(codes, labels).groups.rate.mean
        1.0
    """
    names, counts = np.unique(labels, return_counts=True)
    groups = clusters(masked, len(names), seed)
    _, equal, repeats = np.unique(masked, axis=0, return_inverse=True, return_counts=True)
    return Learned(
        groups=purity(groups, labels),
        sizes=_shares(np.bincount(groups, minlength=len(names))),
        truth=_shares(counts),
        one_known=label_by_one_known(masked, labels, seed=seed),
        shared=float((repeats[equal.reshape(-1)] > 1).mean()),
        chance=blind(labels),
    )


def label_by_one_known(
    masked: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], draws: int = DRAWS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Give every picture the label of the nearest of a few known ones, one a class; ties share their vote.

    Args:
        masked: ``(N, bits // 8)`` uint8.
        labels: ``(N,)`` int64.
        draws: How often the known pictures are drawn.
        seed: Of the draws.

    Returns:
        ``(draws,)`` float64, share of the other pictures that come out right; blind guessing reaches
        :func:`engine.attacks.outcome.blind`.

    Example:
        >>> label_by_one_known(np.array([[0], [1], [255]], np.uint8), np.array([0, 0, 1]), draws=2).tolist()
        [1.0, 1.0]
    """
    rng, names, shares = np.random.default_rng(seed), np.unique(labels), []
    for _ in range(draws):
        known = np.array([rng.choice(np.flatnonzero(labels == name)) for name in names])
        others = np.delete(np.arange(len(labels)), known)
        distances = hamming_distances(masked[others], masked[known])
        nearest = distances == distances.min(axis=1, keepdims=True)
        right = nearest[np.arange(len(others)), np.searchsorted(names, labels[others])]
        shares.append(float((right / nearest.sum(axis=1)).mean()))
    return np.array(shares)


def _shares(counts: npt.NDArray[np.int64]) -> tuple[float, ...]:
    return tuple(float(share) for share in np.sort(counts)[::-1] / counts.sum())
