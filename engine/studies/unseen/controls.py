"""Controls beside figures of an unseen gallery: how much of them could come from something other than disease."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets.facts import Facts
from engine.datasets.tasks import Task
from engine.evaluation.bootstrap import DECIMALS, interval, paired_bootstrap
from engine.evaluation.ranking import Matrix
from engine.studies.unseen.protocols import (
    in_scope,
    protocol_distances,
    scopes_of,
    task_maps,
    task_rankings,
)

Arrays = Mapping[str, npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]
RANDOM_SEEDS = 5


def report_unseen_controls(arrays: Arrays, facts: Facts, task: Task, bits: int) -> dict[str, Any]:
    """Report every control on the unseen gallery of each collection.

    Args:
        arrays: ``codes_<bits>``, ``black_<bits>`` (lungs painted black) and ``features``, ``(N, ...)`` each.
        facts: Of the N pictures.
        task: What is asked.
        bits: Code length.

    Returns:
        For each collection ``source_only``, ``view_only``, ``black_centre``, ``random_codes`` and ``float_features``:
        the mAP of both tasks; under ``what`` what each of them is in a sentence.
    """
    return {"what": _WHAT, **{scope: _of_scope(arrays, facts, task, scope, bits) for scope in scopes_of(task, facts)}}


_WHAT = {
    "source_only": "No picture at all: whatever the query's publisher published is near, everything else is far.",
    "view_only": "No picture at all: whatever was taken in the query's view is near; pictures of known view only.",
    "black_centre": "Lungs painted black in queries and gallery, hashed by the same network; drop: what lungs explain.",
    "random_codes": f"Random codes: chance. Mean, lowest and highest of {RANDOM_SEEDS} draws.",
    "float_features": "The encoder's features, not thresholded, ranked by Euclidean distance.",
}


def _of_scope(arrays: Arrays, facts: Facts, task: Task, scope: str, bits: int) -> dict[str, Any]:
    within = in_scope(facts, task, scope)
    known_view = within & (facts.views != "")
    return {
        "source_only": _maps(_one_hot(facts.origins), facts, task, within),
        "view_only": _view_only(facts, task, known_view),
        "black_centre": _black_centre(arrays[f"codes_{bits}"], arrays[f"black_{bits}"], facts, task, within),
        "random_codes": _random_codes(facts, task, within, bits),
        "float_features": _maps(arrays["features"], facts, task, within),
    }


def _maps(codes: Matrix, facts: Facts, task: Task, within: Mask) -> dict[str, Any]:
    return task_maps(*protocol_distances(codes, facts, within, "unseen"), task)


def _one_hot(names: npt.NDArray[np.str_]) -> npt.NDArray[np.uint8]:
    return np.packbits(names[:, None] == np.unique(names), axis=1)


def _view_only(facts: Facts, task: Task, within: Mask) -> dict[str, Any] | None:
    """Rank by view alone among pictures of known view; None where those are all positive, or none is."""
    queries = within & (facts.splits == "test")
    if len(np.unique(facts.labels[queries] == task.position)) < 2:
        return None
    return {"queries": int(queries.sum()), **_maps(_one_hot(facts.views), facts, task, within)}


def _black_centre(
    codes: Matrix, black: Matrix, facts: Facts, task: Task, within: Mask
) -> dict[str, dict[str, list[float]]]:
    rankings = []
    for seen in (black, codes):
        distances, queries, gallery = protocol_distances(seen, facts, within, "unseen")
        rankings.append(task_rankings(distances, queries.labels, gallery.labels, task.position))
    return {
        name: {
            "map": interval(rankings[0][name]["map"]),
            "drop": [
                round(end, DECIMALS) for end in paired_bootstrap(rankings[0][name]["map"], rankings[1][name]["map"])[:3]
            ],
        }
        for name in rankings[0]
    }


def _random_codes(facts: Facts, task: Task, within: Mask, bits: int) -> dict[str, list[float]]:
    draws: dict[str, list[float]] = {"binary": [], "classes": []}
    for seed in range(RANDOM_SEEDS):
        codes = np.random.default_rng(seed).integers(0, 256, (len(facts), bits // 8), np.uint8)
        distances, queries, gallery = protocol_distances(codes, facts, within, "unseen")
        for name, figures in task_rankings(distances, queries.labels, gallery.labels, task.position).items():
            draws[name].append(float(np.nanmean(figures["map"])))
    return {
        name: [round(float(value), DECIMALS) for value in (np.mean(values), min(values), max(values))]
        for name, values in draws.items()
    }
