"""Who is found in a collection that the network has never seen, beside the papers' protocol.

Papers ask test pictures of the training split: what a network was trained on answers. A clinic's collection was never
trained on. Here test pictures ask test and validation pictures, a query's own group (its patient, or copies) left out,
inside each collection and in all of them; and everything that can be read off the answers is told by label, source and
view. All of it follows from codes and the manifest: :func:`report_unseen` needs no picture and no network.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets.facts import Facts, task_facts
from engine.datasets.tasks import Task, find_task
from engine.evaluation.ranking import Matrix
from engine.evaluation.unseen import distances_apart
from engine.studies.leave_one_source_out import inside_source, two_label_origins
from engine.studies.unseen.controls import report_unseen_controls
from engine.studies.unseen.protocols import (
    PROTOCOLS,
    in_scope,
    protocol_distances,
    report_parts,
    scopes_of,
    task_figures,
    task_maps,
)
from engine.studies.unseen.quality import report_code_quality

if TYPE_CHECKING:
    from engine.hashing.hasher import Hasher

Arrays = Mapping[str, npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]
BITS = 48
TASK = "cxr"
RESULT = "unseen"


def unseen(
    codes: Matrix, labels: npt.ArrayLike, groups: npt.ArrayLike, positive: int = 0, asking: Mask | None = None
) -> dict[str, list[float]]:
    """Measure codes of pictures that nothing was trained on against each other, in one call on plain arrays.

    Args:
        codes: ``(N, bits // 8)`` uint8 packed codes, or ``(N, D)`` float features.
        labels: ``(N,)`` int.
        groups: ``(N,)`` patient or group of each picture.
        positive: Label of the binary task.
        asking: ``(N,)`` bool, which pictures are queries; all of them for None.

    Returns:
        ``binary`` and ``classes``, mAP with its interval each, and ``auc`` of being positive.

    Example:
        >>> codes = np.array([[0], [1], [254], [255]], np.uint8)
        >>> unseen(codes, [0, 0, 1, 1], ["a", "b", "c", "d"])["binary"]
        [1.0, 1.0, 1.0]
    """
    numbers, names = np.asarray(labels), np.asarray(groups)
    asked = np.ones(len(numbers), bool) if asking is None else asking
    distances = distances_apart(codes[asked], codes, names[asked], names)
    found = task_figures(distances, numbers[asked], numbers, positive)
    return {"binary": found["binary"]["map"], "classes": found["classes"]["map"], "auc": found["auc"]}


def measure_unseen(
    hasher: "Hasher",
    task: Task | None = None,
    progress: Callable[[int, int], None] | None = None,
    method: str | None = None,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Hash a task's whole collection and report everything.

    Args:
        hasher: The network.
        task: What is asked of which collection; the largest of COVID-19 for None.
        progress: Called with (pictures done, pictures in all).
        method: Name of the hasher's weights, for the record; None for weights that are not shipped.

    Returns:
        The result file's data and its arrays, of which :func:`report_unseen` makes the figures again.

    Raises:
        DataError: The pictures are not on this machine.
    """
    from engine.studies.unseen.measurement import hash_collection

    asked = task or find_task(TASK)
    dataset = asked.load()
    arrays = hash_collection(hasher, dataset, progress or (lambda done, total: None))
    facts = {"method": method, "task": asked.name, "provenance": provenance(dataset, method)}
    return {**facts, **report_unseen(arrays, asked)}, arrays


def report_unseen(arrays: Arrays, task: Task, facts: Facts | None = None, bits: int = BITS) -> dict[str, Any]:
    """Report everything from codes.

    Args:
        arrays: ``ids``, ``codes_<bits>`` of every length, ``black_<bits>`` and ``features``, each ``(N, ...)``.
        task: What is asked of which collection.
        facts: Of its pictures; read from the manifest for None.
        bits: Code length of what is told of one length only.

    Returns:
        Plain data: ``scopes`` (each collection, all protocols, every length), ``by`` label, source and view,
        ``inside`` one source, ``controls`` and ``codes`` (what they keep besides the label).
    """
    known = (facts or task_facts(task)).of_ids(arrays["ids"])
    codes = arrays[f"codes_{bits}"]
    lengths = sorted(int(name.removeprefix("codes_")) for name in arrays if name.startswith("codes_"))
    scopes = {name: _scope(arrays, known, task, name, lengths, bits) for name in scopes_of(task, known)}
    return {
        "protocols": PROTOCOLS,
        "labels": list(task.labels),
        "positive": task.positive,
        "bits": bits,
        "scopes": scopes,
        "by": report_parts(codes, known, task),
        "inside": report_inside(codes, known, task),
        "controls": report_unseen_controls(arrays, known, task, bits),
        "codes": {
            name: report_code_quality(arrays, known, task, name, lengths, bits) for name in scopes_of(task, known)
        },
    }


def _scope(
    arrays: Arrays, facts: Facts, task: Task, scope: str, lengths: list[int], bits: int
) -> dict[str, dict[str, Any]]:
    within, rows = in_scope(facts, task, scope), {}
    for protocol in PROTOCOLS:
        distances, queries, gallery = protocol_distances(arrays[f"codes_{bits}"], facts, within, protocol)
        rows[protocol] = {
            "queries": len(queries),
            "gallery": len(gallery),
            **task_figures(distances, queries.labels, gallery.labels, task.position),
            "by_length": {
                str(length): task_maps(*protocol_distances(arrays[f"codes_{length}"], facts, within, protocol), task)
                for length in lengths
            },
        }
    return rows


def report_inside(codes: Matrix, facts: Facts, task: Task) -> dict[str, Any]:
    """Tell labels apart inside single sources, where knowing the hospital cannot help.

    Args:
        codes: ``(N, ...)`` codes or features of a network that was trained with every source.
        facts: Of the N pictures.
        task: What is asked.

    Returns:
        For every source with two labels among its test and validation pictures what
        ``engine.studies.leave_one_source_out.inside_source`` reports.
    """
    held_out = facts.splits != "train"
    rows = {origin: inside_source(codes, facts, task, origin, held_out) for origin in two_label_origins(facts, task)}
    return {origin: row for origin, row in rows.items() if row is not None}
