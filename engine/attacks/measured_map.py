"""The measured map: what each setting leaks beside how well it can be searched, and the setting that the map favours.

Made from the result files of the attacks and of the networks alone: `python -m engine attack map --save` measures all
of it. One task at a time: every point of a map is measured on the same pictures with the same labels.
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
class Source:
    """Where figures were read.

    Attributes:
        file: in ``models/results``.
        part: of the file.
        commit: of the code that measured them.
        data: SHA-256 of the pictures they were measured on (``engine.datasets.data_hash``).
    """

    file: str
    part: str
    commit: str
    data: str


@dataclass(frozen=True)
class Point:
    """One measured setting.

    Attributes:
        scheme: ``"aes"``, ``"frequency"`` or ``"multistage"``.
        block_size: of the multi-stage scheme, else None; likewise substitution and policy.
        substitution: largest mask.
        policy: ``"shared"`` or ``"fresh"``.
        codes: ``"plain"`` or ``"masked"`` where sealed pictures are searched by stored codes, ``"private"`` where the
            question to masked codes is encrypted, ``"encrypted"`` where codes are as well; else None.
        advantages: of each attack over chance, 0 to 1.
        found: share of test pictures whose label the search gets right: mean, low, high.
        searcher: what searches, in a few words.
        chance: of ``found``.
        bytes: that leave for one picture.
        milliseconds: of processor time that one picture takes its owner.
        sources: of all this.
        search_bytes: both ways, of one private search; 0 of a plain one, which takes next to nothing.
        search_seconds: of processor time, of one private search.
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
    sources: tuple[Source, ...]
    search_bytes: int = 0
    search_seconds: float = 0.0

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
            ``policy``, ``accuracy`` (mean, low, high), ``searcher`` (its name, with its quantization) and ``source``.
            Each makes a point of its own; one with the substitution None, which holds for every mask, makes it at
            paper B's largest. What it finds the server can learn, however its owner searches.

    Raises:
        KeyError: the task has not been measured.
    """
    found = attacks[TASKS[task]]
    chance = found["protocol"]["chance"]["kind"]
    source = Source("attacks.json", TASKS[task], found["commit"], found["data_sha256"])
    plain = [_plain_point(row, chance, source) for row in found["rows"]]
    sealed = [point for point in plain if point.scheme != "multistage"]
    searched = [
        point
        for one in sealed
        for held in _with_codes(one, attacks.get("stored-codes", {}), task)
        for point in (held, *_searched_privately(one, held, attacks, task))
    ]
    by_network = [found for point in plain for found in _with_networks(point, networks)]
    return by_network + searched


def _plain_point(row: Report, chance: float, source: Source) -> Point:
    dials = {name: row[name] for name in ("scheme", "block_size", "substitution", "policy", "bytes", "milliseconds")}
    return Point(
        **dials,
        codes=None,
        advantages=row["advantage"],
        found=row["labelled"],
        searcher=STATISTICS,
        chance=chance,
        sources=(source,),
    )


def _with_codes(point: Point, stored: Report, task: str) -> list[Point]:
    """The same sealed pictures with codes beside them: what leaks is what leaks from either."""
    if task not in stored:
        return []
    codes = stored[task]
    source = Source("attacks.json", "stored-codes", stored["commit"], codes["data_sha256"])
    return [
        replace(
            point,
            codes=row["form"],
            advantages={name: max(value, point.advantages[name]) for name, value in row["advantage"].items()},
            found=row["labelled"],
            searcher=CODES,
            bytes=point.bytes + codes["bytes"],
            milliseconds=point.milliseconds + codes["milliseconds"],
            sources=(*point.sources, source),
        )
        for row in codes["rows"]
    ]


def _searched_privately(sealed: Point, masked: Point, attacks: Report, task: str) -> list[Point]:
    """The same pictures where the server cannot read the question, and where it cannot read its codes either.

    They find the same. What the server learns is what pictures it sees fetched together, and what its codes tell, if
    it can read them.
    """
    found = attacks.get("private-search", {}).get(task)
    if found is None or masked.codes != "masked":
        return []
    source = Source("attacks.json", "private-search", attacks["private-search"]["commit"], found["data_sha256"])
    made = []
    for form, held in (("private", masked), ("encrypted", sealed)):
        search = found["searches"][form]
        told = {name: max(value, held.advantages[name]) for name, value in found["fetches"]["advantage"].items()}
        made.append(
            replace(
                masked,
                codes=form,
                advantages=told,
                bytes=held.bytes + search.get("bytes_a_code", 0),
                milliseconds=masked.milliseconds + search.get("milliseconds_a_code", 0.0),
                sources=(*masked.sources, source),
                search_bytes=search["bytes"],
                search_seconds=search["seconds"],
            )
        )
    return made


def _with_networks(point: Point, networks: Sequence[Report]) -> list[Point]:
    """The setting itself, and once more for every network that searches its pictures."""
    rows = [row for row in networks if (row["block_size"], row["policy"]) == (point.block_size, point.policy)]
    rows = [row for row in rows if row["substitution"] in (None, point.substitution)]
    learned = max([point.advantages["labelled"], *(advantage(row["accuracy"][0], point.chance) for row in rows)])
    sources = dict.fromkeys([*point.sources, *(row["source"] for row in rows)])
    point = replace(point, advantages={**point.advantages, "labelled": learned}, sources=tuple(sources))
    own = [row for row in rows if row["substitution"] is not None or point.substitution == PAPER_B_SUBSTITUTIONS[-1]]
    return [point, *(replace(point, found=row["accuracy"], searcher=row["searcher"]) for row in own)]


def network_rows(encrypted_search: Report) -> list[dict[str, Any]]:
    """Return what networks find in encrypted anatomy pictures, as :func:`points` takes it.

    They read what no key and no mask changes, so one figure holds for every substitution.

    Args:
        encrypted_search: ``models/results/encrypted_search.json``.
    """
    rows, data = [], encrypted_search["provenance"]["data_sha256"]
    for cell in encrypted_search["cells"]:
        found = {"none": cell, **cell["quantized"]}
        for mode in SEARCHERS[cell["method"]] if cell["block_size"] else ():
            searcher = NETWORK_TITLES[cell["method"]] + ("" if mode == "none" else f", {MODE_TITLES[mode]}")
            dials = {"block_size": cell["block_size"], "policy": cell["policy"], "substitution": None}
            source = Source("encrypted_search.json", cell["method"], cell["commit"], data)
            rows.append({**dials, "accuracy": found[mode]["accuracy"], "searcher": searcher, "source": source})
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
