"""Who attacks, and what came of it: the same three small records for every attack."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.errors import VaultError
from engine.evaluation import Interval, bootstrap_interval

SURE = 0.999


class AttackError(VaultError):
    """An attack that cannot be run on what it was given, said in one sentence."""


@dataclass(frozen=True)
class Adversary:
    """What an attack assumes. Everybody knows the scheme and its settings; nobody is given a key.

    Attributes:
        knows: what it holds, in one sentence.
        asks: what it may ask the owner or the server to do, in one sentence.
    """

    knows: str
    asks: str = "It asks nothing of anybody."


@dataclass(frozen=True)
class Outcome:
    """A picture an attack ended with, beside the truth that only the judge sees.

    Attributes:
        picture: what was recovered.
        score: structural similarity to the truth, 0 (nothing) to 1 (the picture).
        exact: share of values that are right.
        seconds: what it took.
        queries: pictures the adversary had to know, plant or try.
    """

    picture: np.ndarray = field(repr=False)
    score: float
    exact: float
    seconds: float
    queries: int


@dataclass(frozen=True)
class Guesses:
    """What an attack guessed about pictures it could not open.

    Attributes:
        correct: ``(N,)`` bool, one per picture.
        chance: share that guessing blindly gets right.
    """

    correct: np.ndarray
    chance: float

    @property
    def rate(self) -> Interval:
        """Share of right guesses with its 95 % bootstrap interval."""
        return bootstrap_interval(self.correct)

    @property
    def advantage(self) -> float:
        """How far above chance, from 0 to 1 (always right); 0 where it may be luck (see :func:`sure_advantage`).

        >>> Guesses(np.array([True] * 30 + [False] * 10), chance=0.5).advantage
        0.5
        """
        return sure_advantage(self.correct, self.chance)


def advantage(rate: float, chance: float) -> float:
    """Stretch chance..1 to 0..1; below chance is 0.

    >>> advantage(0.25, chance=0.5)
    0.0
    """
    return max(0.0, (rate - chance) / (1 - chance))


def sure_advantage(values: np.ndarray, chance: float) -> float:
    """Return the advantage of a mean over chance; 0 where the 99.9 % interval does not rule chance out.

    So wide because a map makes some 180 such comparisons: at 95 % four honest settings would seem to leak.

    Args:
        values: ``(N,)``, one for each picture.
        chance: what their mean would be by luck.
    """
    sure = bootstrap_interval(values, level=SURE)
    return advantage(sure.mean, chance) if sure.low > chance else 0.0


def blind(labels: np.ndarray) -> float:
    """Share that who always names the commonest label gets right: the chance of guesses at labels.

    >>> blind(np.array([0, 1, 1, 2]))
    0.5
    """
    return float(np.bincount(labels).max() / len(labels))


def judge(attack: Callable[..., np.ndarray], *given: Any, truth: np.ndarray, queries: int) -> Outcome:
    """Time an attack and compare what it recovers with the truth.

    Args:
        attack: returns a picture of the shape and dtype of ``truth``.
        given: all that the attack is given.
        truth: ``(H, W)`` or ``(H, W, 3)``, uint8.
        queries: pictures the adversary had to know, plant or try.
    """
    from engine.evaluation.cipher_quality import ssim

    start = time.perf_counter()
    picture = attack(*given)
    seconds = time.perf_counter() - start
    return Outcome(picture, max(0.0, ssim(truth, picture)), float(np.mean(picture == truth)), seconds, queries)
