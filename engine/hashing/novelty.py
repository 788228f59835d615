"""Is a picture far from everything the hasher knows? Then its nearest neighbours mean little.

Codes cannot tell: class targets pull every picture to a codeword, so a hand's code lies as close to the gallery as a
chest's. Two things can, and their excesses over what is usual are added up: how badly the lungs' template fits, and
how far the encoder's feature lies from the training pictures' (Mahalanobis distance, Lee et al., NeurIPS 2018).
"""

import functools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from engine.artifacts import find_result, read_card
from engine.errors import VaultError
from engine.hashing.hasher import Hasher
from engine.imaging.framing import find_chest

AXES = 128


class NoveltyError(VaultError):
    """What is usual has not been measured for the weights in use."""


@dataclass(frozen=True)
class Usual:
    """What is usual of a signal on training pictures.

    Attributes:
        median: Median of the signal.
        spread: Its median absolute deviation, scaled to a standard deviation.
    """

    median: float
    spread: float

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """Return what is usual of values ``(N,)``."""
        median = float(np.median(values))
        return cls(median, float(1.4826 * np.median(np.abs(values - median))))

    def excess(self, values: np.ndarray) -> np.ndarray:
        """Return by how many deviations values exceed the median; 0 where they do not.

        Example:
            >>> Usual(1.0, 0.5).excess(np.array([0.0, 1.0, 2.0])).tolist()
            [0.0, 0.0, 2.0]
        """
        return np.maximum((values - self.median) / self.spread, 0)


@dataclass(frozen=True)
class Reference:
    """What a hasher's training pictures look like to it.

    Attributes:
        mean: ``(D,)`` mean feature.
        axes: ``(D, AXES)`` leading principal axes, each divided by the features' deviation along it.
        misfit: Usual misfit of the lungs' template, ``-ChestBox.score``.
        distance: Usual logarithm of the Mahalanobis distance.
    """

    mean: np.ndarray
    axes: np.ndarray
    misfit: Usual
    distance: Usual

    @classmethod
    def fit(cls, features: np.ndarray, chest_scores: np.ndarray, axes: int = AXES) -> Self:
        """Learn from training pictures.

        Args:
            features: ``(N, D)`` float32, from ``Hasher.features``.
            chest_scores: ``(N,)`` scores of ``find_chest``.
            axes: Principal axes to keep, fewer than N.
        """
        mean = features.mean(axis=0)
        _, scales, directions = np.linalg.svd((features - mean).astype(np.float64), full_matrices=False)
        whitened = (directions[:axes].T / (scales[:axes] / np.sqrt(len(features)))).astype(np.float32)
        log_distances = _log_distances(features, mean, whitened)
        return cls(mean, whitened, Usual.of(-np.asarray(chest_scores)), Usual.of(log_distances))

    def scores(self, features: np.ndarray, chest_scores: np.ndarray) -> np.ndarray:
        """Return how novel pictures are.

        Args:
            features: ``(N, D)`` float32.
            chest_scores: ``(N,)`` scores of ``find_chest``.

        Returns:
            ``(N,)`` float64, 0 for a picture that is usual in both respects.
        """
        distance = self.distance.excess(_log_distances(features, self.mean, self.axes))
        return self.misfit.excess(-np.asarray(chest_scores, np.float64)) + distance


@dataclass(frozen=True)
class Novelty:
    """How unusual one picture is.

    Attributes:
        score: Excess over the usual, in deviations of the training pictures.
        threshold: Above this a picture counts as novel.
        chest_score: How well the lungs' template fits, -1..1.
    """

    score: float
    threshold: float
    chest_score: float

    @property
    def novel(self) -> bool:
        """Whether the picture is too far from everything for its neighbours to mean much."""
        return self.score > self.threshold


def novelty(image: np.ndarray, hasher: Hasher, method: str = "matdh") -> Novelty:
    """Measure how far a picture is from everything the shipped hasher was trained on.

    Args:
        image: ``(H, W)`` uint8 or uint16 as decoded.
        hasher: The shipped network of ``method``; its code length does not matter.
        method: Whose reference to use.

    Returns:
        Score and threshold.

    Raises:
        NoveltyError: The reference is missing or was measured with other weights.
    """
    reference, threshold = shipped_reference(method)
    chest_score = find_chest(image).score
    score = reference.scores(hasher.features([image]), np.array([chest_score]))[0]
    return Novelty(float(score), threshold, chest_score)


@functools.lru_cache(maxsize=2)
def shipped_reference(method: str = "matdh", folder: Path | None = None) -> tuple[Reference, float]:
    """Read the reference and threshold that ``python -m engine novelty`` wrote.

    Raises:
        NoveltyError: They are missing or were measured with other weights.
    """
    found, remedy = find_result("novelty", folder), "run `python -m engine novelty` to measure it"
    if found is None or not found[1]:
        raise NoveltyError(f"How novel a picture is has not been measured yet: {remedy}.")
    stored, arrays = found
    if stored["provenance"]["weights_sha256"] != read_card(method)["file_sha256"]:
        raise NoveltyError(f"How novel a picture is was measured with other weights: {remedy} again.")
    mean, axes = arrays["mean"].astype(np.float32), arrays["axes"].astype(np.float32)
    usual = {name: Usual(**values) for name, values in stored["usual"].items()}
    return Reference(mean, axes, **usual), float(stored["threshold"])


def describe(reference: Reference) -> dict[str, dict[str, float]]:
    """Return what is usual as plain data for a result file."""
    return {"misfit": asdict(reference.misfit), "distance": asdict(reference.distance)}


def _log_distances(features: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    squared = np.square((features - mean).astype(np.float64) @ axes.astype(np.float64)).sum(axis=1)
    return np.log(np.maximum(squared, 1e-12)) / 2
