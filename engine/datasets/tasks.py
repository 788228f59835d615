"""What is asked of a collection, as data: which labels are told apart, and which of them is the one to find."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.datasets.dataset import Dataset, load_dataset
from engine.datasets.manifest import DataError, find_collection


@dataclass(frozen=True)
class Task:
    """A question to a collection.

    Attributes:
        name: What commands and result files call it.
        collection: Name of the collection.
        labels: Labels that are told apart; the position of each is its number.
        positive: The label to find, against all others.

    Example:
        >>> Task("knees", "knees", ("healthy", "worn"), "worn").is_positive(np.array([0, 1, 1])).tolist()
        [False, True, True]
    """

    name: str
    collection: str
    labels: tuple[str, ...]
    positive: str

    @property
    def position(self) -> int:
        """Number of the positive label."""
        return self.labels.index(self.positive)

    def is_positive(self, numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Tell which label numbers are the positive one.

        Args:
            numbers: ``(N,)`` positions in ``labels``.

        Returns:
            ``(N,)`` bool.
        """
        return numbers == self.position

    def load(self, root: Path | str | None = None) -> Dataset:
        """Open the collection.

        Args:
            root: Folder that holds the collections' folders; see :func:`engine.datasets.data_root`.

        Returns:
            Its pictures of these labels, numbered as here.

        Raises:
            DataError: Pictures are missing.
        """
        dataset = load_dataset(self.collection, root).subset(labels=self.labels)
        return Dataset(dataset.name, self.labels, dataset.records)


def _task(name: str, collection: str, positive: str) -> Task:
    return Task(name, collection, find_collection(collection).classes, positive)


TASKS = {
    task.name: task
    for task in (
        _task("covidx", "covidx-open", "covid-19"),
        _task("cxr", "cxr-open", "covid-19"),
        _task("simulated", "simulated", "covid-19"),
    )
}

# Paper A's: COVID-19 or not, in the collection that is nearest to the one it was printed for.
PAPER = TASKS["covidx"]


def find_task(name: str) -> Task:
    """Return a task by its name or that of its collection.

    Args:
        name: One of ``TASKS``, or of a collection that has a task.

    Returns:
        The task.

    Raises:
        DataError: There is none of that name.

    Example:
        >>> find_task("cxr-open").labels
        ('covid-19', 'normal', 'pneumonia', 'tuberculosis')
    """
    for task in TASKS.values():
        if name in (task.name, task.collection):
            return task
    raise DataError(f"There is no task named {name!r}: choose one of {', '.join(TASKS)}.")
