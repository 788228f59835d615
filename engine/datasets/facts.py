"""What a manifest says of many pictures, as arrays: all that a figure needs besides codes, and no picture."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engine.datasets.dataset import data_root
from engine.datasets.manifest import EXCLUDED, DataError, Record, find_collection, read_manifest
from engine.datasets.tasks import Task

Names = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Facts:
    """Facts of N pictures, each an ``(N,)`` array in one order.

    Attributes:
        ids: Of the pictures.
        labels: int64 numbers of labels in a task.
        groups: Patients, or pictures that belong together.
        patients: Publisher and patient in one word; empty where the patient is unknown.
        origins: Publisher, or the source where that is unknown.
        splits: ``"train"``, ``"val"`` or ``"test"``.
        views: ``"PA"`` or ``"AP"``, lying or upright; empty where unknown.
        findings: The source's own words.
        collections: Which manifest they are in.
        earlier: bool, whether an excluded picture shares the group: networks from before the splits were corrected
            have been trained on a copy of it, or on another picture of its patient.
    """

    ids: Names
    labels: npt.NDArray[np.int64]
    groups: Names
    patients: Names
    origins: Names
    splits: Names
    views: Names
    findings: Names
    collections: Names
    earlier: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Facts":
        """Return the facts of the chosen pictures; ``chosen`` is an ``(N,)`` mask."""
        return Facts(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def of_ids(self, ids: Iterable[str]) -> "Facts":
        """Return the facts of named pictures in the given order.

        Raises:
            DataError: A picture is unknown.
        """
        places = {name: number for number, name in enumerate(self.ids.tolist())}
        wanted = [str(name) for name in ids]
        if unknown := [name for name in wanted if name not in places]:
            raise DataError(f"The manifest knows no picture {unknown[0]!r}: measure the figures again.")
        return self.where(np.array([places[name] for name in wanted], np.int64))


def facts_of(records: Iterable[Record], task: Task) -> Facts:
    """Gather what the manifest says of pictures.

    Args:
        records: The pictures; excluded ones, and those whose label the task does not ask for, are left out.
        task: Gives the labels their numbers.

    Returns:
        The facts, in the order of the records.
    """
    asked = [record for record in records if record.label in task.labels]
    kept = [record for record in asked if record.split != EXCLUDED]
    earlier = {record.group for record in asked if record.split == EXCLUDED}
    return Facts(
        ids=np.array([r.id for r in kept], np.str_),
        labels=np.array([task.labels.index(r.label) for r in kept], np.int64),
        groups=np.array([r.group for r in kept], np.str_),
        patients=np.array([f"{r.origin} {r.patient}" if r.patient else "" for r in kept], np.str_),
        origins=np.array([r.origin for r in kept], np.str_),
        splits=np.array([r.split for r in kept], np.str_),
        views=np.array([r.view[:2] for r in kept], np.str_),
        findings=np.array([r.finding for r in kept], np.str_),
        collections=np.array([r.collection for r in kept], np.str_),
        earlier=np.array([r.group in earlier for r in kept], bool),
    )


def task_facts(task: Task) -> Facts:
    """Return the facts of a task's whole collection from its manifest; no picture has to be here.

    Example:
        >>> from engine.datasets.tasks import TASKS
        >>> len(task_facts(TASKS["simulated"]))
        300
    """
    folder = data_root() / find_collection(task.collection).folder
    return facts_of(read_manifest(task.collection, folder), task)
