"""Does it hold in a hospital that took no part in training?

A network is trained without a source, and asked to tell that source's labels apart. Its score of a picture is how much
nearer the picture lies to positives of all other sources' training pictures than to their negatives, so nothing of the
source is known. Where views are known the same is asked inside one view, since a detector of views scores well where
labels go with them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import DataError, Dataset, find_task
from engine.datasets.facts import Facts, facts_of, task_facts
from engine.datasets.tasks import Task
from engine.evaluation.auc import auc_per_positive, distance_margin
from engine.evaluation.bootstrap import interval
from engine.evaluation.distances import pairwise_distances
from engine.evaluation.ranking import Floats, Matrix
from engine.evaluation.unseen import distances_apart, ranking_figures

if TYPE_CHECKING:
    from engine.training.run import Run

Mask = npt.NDArray[np.bool_]
RESULT = "leave_one_source_out"
NOTHING = "nothing"
BITS = 48
# Pictures of each of two labels that a source must have, and positives of one that has only those.
LEAST = 5
LEAST_POSITIVES = 20


def two_label_origins(facts: Facts, task: Task) -> tuple[str, ...]:
    """Return the sources that hold two labels, with enough pictures of each, in alphabetical order."""
    return tuple(str(origin) for origin in np.unique(facts.origins) if _pair(facts, task, facts.origins == origin))


def positive_origins(facts: Facts, task: Task) -> tuple[str, ...]:
    """Return the sources of positives, with enough of them, in alphabetical order."""
    positives = facts.origins[facts.labels == task.position]
    names, counts = np.unique(positives, return_counts=True)
    return tuple(str(name) for name, count in zip(names, counts, strict=True) if count >= LEAST_POSITIVES)


def leave_one_source_out(
    codes_without: Callable[[str], Matrix],
    facts: Facts,
    task: Task,
    seen: Matrix | None = None,
    origins: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Measure a network in every source it was trained without.

    Args:
        codes_without: Given a source, returns ``(N, ...)`` codes or features of all pictures by a network that was
            trained without it; a mapping's ``__getitem__`` will do.
        facts: Of the N pictures.
        task: What is asked.
        seen: The same by the network that was trained with every source: the ceiling; None without one.
        origins: Sources to measure; all that can be for None.

    Returns:
        ``inside``: for each source with two labels ``left_out`` over all its pictures (:func:`inside_source`), and on
        its test and validation pictures ``left_out_test`` and ``seen_test``. ``positives``: for each source of
        positives ``left_out`` (:func:`positives_against_rest`), and ``seen`` on its test pictures.
    """
    held_out, every = facts.splits != "train", np.ones(len(facts), bool)
    inside, positives = two_label_origins(facts, task), positive_origins(facts, task)
    rows: dict[str, Any] = {"inside": {}, "positives": {}}
    for origin in sorted({*inside, *positives} if origins is None else {*inside, *positives} & {*origins}):
        codes = codes_without(origin)
        if origin in inside:
            rows["inside"][origin] = {
                "left_out": inside_source(codes, facts, task, origin, every),
                "left_out_test": inside_source(codes, facts, task, origin, held_out),
                "seen_test": None if seen is None else inside_source(seen, facts, task, origin, held_out),
            }
        if origin in positives:
            rows["positives"][origin] = {
                "left_out": positives_against_rest(codes, facts, task, origin, every),
                "seen_test": None if seen is None else positives_against_rest(seen, facts, task, origin, held_out),
            }
    return rows


def inside_source(codes: Matrix, facts: Facts, task: Task, origin: str, asking: Mask) -> dict[str, Any] | None:
    """Tell the two labels of one source apart.

    Args:
        codes: ``(N, ...)`` codes or features.
        facts: Of the N pictures.
        task: What is asked.
        origin: The source.
        asking: ``(N,)`` bool, which pictures may be asked about.

    Returns:
        ``labels`` (the one to find first), ``counts``, ``auc`` (None where no other source has both), ``map`` among the
        source's own pictures, own group left out, and under ``views`` the same inside each view; None where a label
        has too few pictures.
    """
    chosen = asking & (facts.origins == origin)
    pair = _pair(facts, task, chosen)
    if pair is None:
        return None
    known = (facts.splits == "train") & (facts.origins != origin)
    # Where the task's positives are among the two, they are told from whatever is not positive elsewhere.
    rest = None if pair[0] == task.position else pair[1]
    scores = _scores(codes, facts, chosen, known, (pair[0], rest))
    row = {"labels": [task.labels[number] for number in pair], **_two_labels(codes, facts, chosen, scores, pair)}
    row["views"] = {}
    for view in np.unique(facts.views[chosen]):
        inside = chosen & (facts.views == view)
        if view and _pair(facts, task, inside) == pair:
            row["views"][str(view)] = _two_labels(codes, facts, inside, scores[facts.views[chosen] == view], pair)
    return row


def positives_against_rest(codes: Matrix, facts: Facts, task: Task, origin: str, asking: Mask) -> dict[str, Any] | None:
    """Tell a source's positives from all other sources' test negatives, by training pictures of other sources.

    Args:
        codes: ``(N, ...)`` codes or features.
        facts: Of the N pictures.
        task: What is asked.
        origin: The source.
        asking: ``(N,)`` bool, which of its pictures may be asked about.

    Returns:
        ``counts`` of positives and negatives, and ``auc``; None where there are too few positives.
    """
    positive = facts.labels == task.position
    mine = asking & positive & (facts.origins == origin)
    if mine.sum() < LEAST:
        return None
    chosen = mine | (~positive & (facts.splits == "test") & (facts.origins != origin))
    known = (facts.splits == "train") & (facts.origins != origin)
    scores = _scores(codes, facts, chosen, known, (task.position, None))
    return {
        "counts": [int(mine.sum()), int((chosen & ~mine).sum())],
        "auc": _auc(scores, positive[chosen]),
    }


def _pair(facts: Facts, task: Task, chosen: Mask) -> tuple[int, int] | None:
    """The two commonest labels of the chosen pictures, the one to find first; None where one has too few."""
    numbers, counts = np.unique(facts.labels[chosen], return_counts=True)
    common = [int(number) for number in numbers[np.argsort(-counts, kind="stable")][:2]]
    if len(common) < 2 or np.sort(counts)[-2] < LEAST:
        return None
    normal = task.labels.index("normal") if "normal" in task.labels else -1
    first, second = sorted(common, key=lambda number: (number != task.position, number == normal, number))
    return first, second


def _scores(codes: Matrix, facts: Facts, chosen: Mask, known: Mask, pair: tuple[int, int | None]) -> Floats:
    """How much nearer the chosen lie to known pictures of the first label than to those of the second, or to all."""
    first, second = pair
    reference = known if second is None else known & np.isin(facts.labels, (first, second))
    distances = pairwise_distances(codes[chosen], codes[reference])
    return distance_margin(distances, facts.labels[reference] == first)


def _auc(scores: Floats, positive: Mask) -> list[float] | None:
    """The AUC with its interval; None where no other source has both labels, so that there is no score."""
    return None if np.isnan(scores).any() else interval(auc_per_positive(scores, positive))


def _two_labels(codes: Matrix, facts: Facts, chosen: Mask, scores: Floats, pair: tuple[int, int]) -> dict[str, Any]:
    both = np.isin(facts.labels[chosen], pair)
    labels, groups, rows = facts.labels[chosen][both], facts.groups[chosen][both], codes[chosen][both]
    distances = distances_apart(rows, rows, groups, groups)
    return {
        "counts": [int((labels == number).sum()) for number in pair],
        "auc": _auc(scores[both], labels == pair[0]),
        "map": interval(ranking_figures(distances, labels, labels)["map"]),
    }


def run_leave_one_source_out(
    preset: str,
    seed: int,
    runs: Path,
    origins: Sequence[str] | None,
    epochs: int | None,
    report: Callable[[str, dict[str, float]], None],
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Train with every source and without each of some sources, and measure each network in what it never saw.

    Args:
        preset: Name in ``engine.training.config.PRESETS``; every network starts at random.
        seed: Of all networks.
        runs: Folder of runs; finished ones are read, stopped ones go on.
        origins: Sources to leave out; None for all with two labels and all of positives.
        epochs: Instead of the preset's.
        report: Called with what is left out and each epoch's figures.

    Returns:
        The result file's data and the code file's arrays.

    Raises:
        DataError: The pictures are not on this machine, or a source has too few of them.
    """
    from engine.training.config import LEFT_OUT, PRESETS
    from engine.training.run import train_method

    task = find_task(PRESETS[preset].task)
    dataset = task.load()
    facts = facts_of(dataset.records, task)
    wanted = _wanted(facts, task, origins)
    arrays: dict[str, npt.NDArray[Any]] = {"ids": facts.ids}
    for origin in (NOTHING, *wanted):
        run = train_method("matdh", preset, seed, runs, epochs, partial(report, origin), f"{LEFT_OUT}{origin}")
        arrays[origin] = _codes_of(run, dataset)
    result = {
        "task": task.name,
        "protocol": f"{BITS} bits; each network trained without a source, preset {preset}, {run.config.epochs} epochs "
        "from a random start; score: how much nearer to other sources' training positives than to their negatives",
        "provenance": provenance(dataset, preset=preset, seed=seed, config=run.config.as_dict()),
        **report_leave_one_source_out(arrays, task),
    }
    return result, arrays


def report_leave_one_source_out(arrays: Mapping[str, npt.NDArray[Any]], task: Task) -> dict[str, Any]:
    """Make the figures from stored codes and the manifest.

    Args:
        arrays: ``ids``, and under each source's name ``(N, bits // 8)`` codes by the network that was trained without
            it; under ``"nothing"`` by the one that was trained with all.
        task: What is asked.
    """
    facts = task_facts(task).of_ids(arrays["ids"])
    return leave_one_source_out(arrays.__getitem__, facts, task, arrays[NOTHING], arrays.keys())


def _wanted(facts: Facts, task: Task, origins: Sequence[str] | None) -> list[str]:
    known = sorted({*two_label_origins(facts, task), *positive_origins(facts, task)})
    for origin in origins or ():
        if origin not in known:
            raise DataError(f"The source {origin!r} cannot be left out: choose from {', '.join(known)}.")
    return known if origins is None else list(origins)


def _codes_of(run: "Run", dataset: Dataset) -> npt.NDArray[np.uint8]:
    """Hash a dataset with a run's best weights, under the heads it would be shipped with."""
    from safetensors.torch import load_file

    from engine.hashing.codes import pack_bits
    from engine.training.pictures import framed_pictures
    from engine.training.shipping import fitted_heads
    from engine.training.trainer import framed_outputs
    from models.hashing import build_network

    best = load_file(run.weights)
    if run.config.heads == "fitted":
        best |= {name: value for name, value in fitted_heads(run, best).items() if name.startswith("heads.")}
    network = build_network(run.config.encoder, run.config.attentions)
    network.load_state_dict(best)
    pictures = framed_pictures(dataset, run.config.side, run.config.frame_margin)
    return pack_bits(framed_outputs(network.eval(), pictures, run.config)[1][BITS] >= 0)
