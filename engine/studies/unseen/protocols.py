"""Who asks whom: the papers' protocol and galleries that nothing was trained on, from codes and the manifest."""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets.facts import Facts
from engine.datasets.manifest import find_collection
from engine.datasets.tasks import Task
from engine.evaluation.auc import auc_per_positive
from engine.evaluation.bootstrap import interval
from engine.evaluation.ranking import Floats, Matrix
from engine.evaluation.unseen import by_value, distances_apart, positive_scores, ranking_figures
from engine.evaluation.vote import winning_label

Mask = npt.NDArray[np.bool_]
# A label, source or view is listed with at least so many queries.
LEAST = 5
PROTOCOLS = {
    "papers": "Test pictures ask the training split, which the network was trained on.",
    "unseen": "Test pictures ask test and validation pictures, their own group left out.",
    "each_other": "Test pictures ask all other test pictures, their own group left out.",
}
# Without test pictures whose patient stood in the training split before it was corrected: encoders that go on from one
# of that time are measured here.
NEW_PATIENTS = ", new patients"
_GALLERIES = {"papers": ("train",), "unseen": ("test", "val"), "each_other": ("test",)}


def scopes_of(task: Task, facts: Facts) -> tuple[str, ...]:
    """Return what to report: the task's collection, those it joins, and what no earlier network can know of those."""
    whole = (task.collection, *find_collection(task.collection).parts)
    touched = [name for name in whole[1:] or whole if (in_scope(facts, task, name) & facts.earlier).any()]
    return (*whole, *(name + NEW_PATIENTS for name in touched))


def in_scope(facts: Facts, task: Task, scope: str) -> Mask:
    """Mark the pictures of a scope: ``(N,)`` bool."""
    name = scope.removesuffix(NEW_PATIENTS)
    within = np.ones(len(facts), bool) if name == task.collection else facts.collections == name
    return within if name == scope else within & ~facts.earlier


def protocol_distances(codes: Matrix, facts: Facts, within: Mask, protocol: str) -> tuple[Floats, Facts, Facts]:
    """Return who asks, who answers and how far they are from each other.

    Args:
        codes: ``(N, ...)`` codes or features.
        facts: Of the N pictures.
        within: ``(N,)`` bool, the collection.
        protocol: Name in ``PROTOCOLS``.

    Returns:
        Distances ``(Q, G)``, facts of the queries, facts of the gallery.
    """
    asking = within & (facts.splits == "test")
    held = within & np.isin(facts.splits, _GALLERIES[protocol])
    queries, gallery = facts.where(asking), facts.where(held)
    return distances_apart(codes[asking], codes[held], queries.groups, gallery.groups), queries, gallery


def task_maps(distances: Floats, queries: Facts, gallery: Facts, task: Task) -> dict[str, list[float]]:
    """Return the mAP of both tasks with its interval."""
    figures = task_rankings(distances, queries.labels, gallery.labels, task.position)
    return {name: interval(values["map"]) for name, values in figures.items()}


def task_rankings(
    distances: Floats, query_labels: npt.NDArray[Any], gallery_labels: npt.NDArray[Any], positive: int
) -> dict[str, dict[str, Floats]]:
    """Return what every query scores in the binary task and in the one with every label."""
    binary = ranking_figures(distances, query_labels == positive, gallery_labels == positive)
    return {"binary": binary, "classes": ranking_figures(distances, query_labels, gallery_labels)}


def task_figures(
    distances: Floats, query_labels: npt.NDArray[Any], gallery_labels: npt.NDArray[Any], positive: int
) -> dict[str, Any]:
    """Return :func:`task_rankings` with intervals, and ``auc`` of being positive."""
    figures = task_rankings(distances, query_labels, gallery_labels, positive)
    scores = positive_scores(distances, gallery_labels, positive)
    return {
        **{task: {name: interval(values) for name, values in rows.items()} for task, rows in figures.items()},
        "auc": interval(auc_per_positive(scores, query_labels == positive)),
    }


def report_parts(codes: Matrix, facts: Facts, task: Task) -> dict[str, Any]:
    """Tell the unseen gallery's figures by label, source and view of the query, over the whole collection.

    Args:
        codes: ``(N, ...)`` codes or features.
        facts: Of the N pictures.
        task: What is asked.

    Returns:
        For ``label``, ``source`` and ``view``, for each value: ``queries``, mAP of both tasks, and ``called``, the
        share of queries that ten neighbours call positive.
    """
    distances, queries, gallery = protocol_distances(codes, facts, np.ones(len(facts), bool), "unseen")
    rankings = task_rankings(distances, queries.labels, gallery.labels, task.position)
    called = winning_label(distances, gallery.labels == task.position)
    figures = {name: values["map"] for name, values in rankings.items()} | {"called": called.astype(np.float64)}
    names = np.array(task.labels)[queries.labels]
    parts = {
        "label": names,
        "source": queries.origins,
        "source and label": np.char.add(np.char.add(queries.origins, ": "), names),
        "view": queries.views,
    }
    return {
        part: {
            name: {"queries": len(rows["called"]), **{figure: interval(values) for figure, values in rows.items()}}
            for name, rows in by_value(figures, values, LEAST).items()
        }
        for part, values in parts.items()
    }
