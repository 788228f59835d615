"""The measured map: what each setting leaks beside how well it can be searched, and the setting that the map favours.

Made from the result file of the attacks alone. One task at a time: every point of a map is measured on the same
pictures with the same labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.attacks.outcome import advantage

TASKS = {"covidx-open": "settings-chest", "anatomy": "settings-anatomy"}
GOALS = {
    "picture": ("confirm", "opened"),
    "kind": ("kind", "labelled"),
    "anything": ("kind", "labelled", "confirm", "opened"),
}
PAPER_B_BLOCK, PAPER_B_SUBSTITUTIONS = 8, (128, 192)
STATISTICS = "block statistics or the nearest encrypted picture"
CODES = "the ten nearest codes"
NETWORK_TITLES = {"vgg16": "VGG-16", "vit": "a vision transformer"}
MODE_TITLES = {"percentile": "last layer in int8, clipped at 99 %", "full": "all in int8"}
SEARCHERS = {"vgg16": ("none", "percentile", "full"), "vit": ("none",)}
Report = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One measured setting.

    Attributes:
        scheme: ``"aes"``, ``"frequency"`` or ``"multistage"``.
        block_size: of the multi-stage scheme, else None; likewise substitution and policy.
        substitution: largest mask.
        policy: ``"shared"`` or ``"fresh"``.
        codes: ``"plain"`` or ``"masked"`` where sealed pictures are searched by stored codes, else None.
        advantages: of each attack over chance, 0 to 1.
        found: share of test pictures whose label the search gets right: mean, low, high.
        searcher: what searches, in a few words.
        chance: of ``found``.
        bytes: that leave for one picture.
        milliseconds: of processor time that one picture takes its owner.
    """

    scheme: str
    block_size: int | None
    substitution: int | None
    policy: str | None
    codes: str | None
    advantages: Mapping[str, float]
    found: Sequence[float]
    searcher: str
    chance: float
    bytes: int
    milliseconds: float

    def leakage(self, goal: str) -> float:
        """Advantage of the best attack that has this goal, a key of ``GOALS``."""
        return max(self.advantages[attack] for attack in GOALS[goal])

    @property
    def usefulness(self) -> float:
        """How far above chance the search finds, 0 to 1."""
        return advantage(self.found[0], self.chance)

    @property
    def recommended_by_paper_b(self) -> bool:
        """Whether paper B's Table III recommends it: 8 blocks, substitution 128 to 192."""
        return self.block_size == PAPER_B_BLOCK and self.substitution in PAPER_B_SUBSTITUTIONS


def points(attacks: Report, task: str, networks: Sequence[Report] = ()) -> list[Point]:
    """Return every measured setting of a task.

    Args:
        attacks: ``models/results/attacks.json``.
        task: a key of ``TASKS``.
        networks: what networks find in the encrypted pictures of the same task: ``block_size``, ``substitution``,
            ``policy``, ``accuracy`` (mean, low, high) and ``searcher`` (its name, with its quantization). Each makes a
            point of its own; one with the substitution None, which holds for every mask, makes it at paper B's
            largest. What it finds the server can learn, however its owner searches.

    Raises:
        KeyError: the task has not been measured.
    """
    found = attacks[TASKS[task]]
    chance = found["protocol"]["chance"]["kind"]
    plain = [_plain_point(row, chance) for row in found["rows"]]
    sealed = [point for point in plain if point.scheme != "multistage"]
    stored = attacks.get("stored-codes", {}).get(task)
    searched = [_with_codes(point, row, stored) for point in sealed for row in stored["rows"]] if stored else []
    by_network = [found for point in plain for found in _with_networks(point, networks)]
    return by_network + searched


def _plain_point(row: Report, chance: float) -> Point:
    dials = {name: row[name] for name in ("scheme", "block_size", "substitution", "policy", "bytes", "milliseconds")}
    return Point(
        **dials, codes=None, advantages=row["advantage"], found=row["labelled"], searcher=STATISTICS, chance=chance
    )


def _with_codes(point: Point, row: Report, stored: Report) -> Point:
    """The same sealed pictures with codes beside them: what leaks is what leaks from either."""
    return Point(
        scheme=point.scheme,
        block_size=None,
        substitution=None,
        policy=None,
        codes=row["form"],
        advantages={name: max(value, point.advantages[name]) for name, value in row["advantage"].items()},
        found=row["labelled"],
        searcher=CODES,
        chance=point.chance,
        bytes=point.bytes + stored["bytes"],
        milliseconds=point.milliseconds + stored["milliseconds"],
    )


def _with_networks(point: Point, networks: Sequence[Report]) -> list[Point]:
    """The setting itself, and once more for every network that searches its pictures."""
    rows = [row for row in networks if (row["block_size"], row["policy"]) == (point.block_size, point.policy)]
    rows = [row for row in rows if row["substitution"] in (None, point.substitution)]
    learned = max([point.advantages["labelled"], *(advantage(row["accuracy"][0], point.chance) for row in rows)])
    point = replace(point, advantages={**point.advantages, "labelled": learned})
    own = [row for row in rows if row["substitution"] is not None or point.substitution == PAPER_B_SUBSTITUTIONS[-1]]
    return [point, *(replace(point, found=row["accuracy"], searcher=row["searcher"]) for row in own)]


def network_rows(encrypted_search: Report) -> list[dict[str, Any]]:
    """Return what networks find in encrypted anatomy pictures, as :func:`points` takes it.

    They read what no key and no mask changes, so one figure holds for every substitution.

    Args:
        encrypted_search: ``models/results/encrypted_search.json``.
    """
    rows = []
    for cell in encrypted_search["cells"]:
        found = {"none": cell, **cell["quantized"]}
        for mode in SEARCHERS[cell["method"]] if cell["block_size"] else ():
            searcher = NETWORK_TITLES[cell["method"]] + ("" if mode == "none" else f", {MODE_TITLES[mode]}")
            dials = {"block_size": cell["block_size"], "policy": cell["policy"], "substitution": None}
            rows.append({**dials, "accuracy": found[mode]["accuracy"], "searcher": searcher})
    return rows


def recommend(measured: Sequence[Point]) -> Point:
    """Read the recommendation off the map: the point nearest to "finds everything, gives no picture away".

    Distance from the corner where no picture is recognised or opened and every search is right, both stretched from
    chance to certainty. Of points equally near, the fewest bytes, then the least time, then masked codes before plain.
    That a server learns the kind of what it finds by kind no setting can prevent, so it decides nothing here.

    Args:
        measured: from :func:`points`, not empty.
    """
    return min(
        measured, key=lambda point: (round(distance(point), 3), point.bytes, point.milliseconds, point.codes or "")
    )


def distance(point: Point) -> float:
    """Distance of a point from the corner that :func:`recommend` looks for, 0 to the square root of 2."""
    return float(np.hypot(point.leakage("picture"), 1 - point.usefulness))


def pareto_front(leakage: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Mark the settings that no other setting beats in both: ``(N,)``, ``(N,)`` to ``(N,)`` bool.

    >>> pareto_front(np.array([0.0, 0.5, 0.6]), np.array([0.3, 0.9, 0.8])).tolist()
    [True, True, False]
    """
    no_worse = (leakage[:, None] <= leakage) & (accuracy[:, None] >= accuracy)
    better = (leakage[:, None] < leakage) | (accuracy[:, None] > accuracy)
    return np.asarray(~(no_worse & better).any(axis=0))
