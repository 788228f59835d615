"""One contract for every collection: records with label, split and group, and their pixels on demand."""

import hashlib
import os
from collections.abc import Collection as Values
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.datasets.manifest import EXCLUDED, DataError, Record, find_collection, read_manifest
from engine.imaging import ImageError, load_file

PROJECT = Path(__file__).resolve().parents[2]
# How to make again what comes with the project.
REMEDIES = {
    "simulated": "make it again with `python -m engine.datasets.simulation`",
    "gallery": "take it again from the repository, or make it with `python -m engine gallery build`",
}


@dataclass(frozen=True)
class Dataset:
    """Pictures with labels.

    Attributes:
        name: The collection.
        classes: Labels, in the order of their numbers.
        records: What is known of each picture.
    """

    name: str
    classes: tuple[str, ...]
    records: tuple[Record, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def labels(self) -> np.ndarray:
        """``(N,)`` int64 positions in ``classes``."""
        numbers = {label: number for number, label in enumerate(self.classes)}
        return np.array([numbers[record.label] for record in self.records], dtype=np.int64)

    def subset(self, split: str | None = None, labels: Values[str] | None = None) -> "Dataset":
        """Return the pictures of one split, of some labels, or both; the classes keep their numbers.

        Args:
            split: ``"train"``, ``"val"`` or ``"test"``; None for all.
            labels: Labels to keep; None for all.

        Returns:
            The smaller dataset, in the same order.

        Raises:
            DataError: No picture is left.
        """
        kept = tuple(
            record
            for record in self.records
            if split in (None, record.split) and (labels is None or record.label in labels)
        )
        if not kept:
            raise DataError(f"No picture of {self.name} has split {split!r} and labels {labels!r}: ask for others.")
        return replace(self, records=kept)

    def load(self, i: int) -> np.ndarray:
        """Decode one picture.

        Args:
            i: Its position in ``records``.

        Returns:
            ``(H, W)`` uint8.

        Raises:
            DataError: The file is missing or damaged.
        """
        record = self.records[i]
        try:
            return load_file(record.path, flat="keep")
        except (OSError, ImageError) as error:
            raise DataError(f"The picture {record.id} of {self.name} cannot be read: {_remedy(self.name)}.") from error


def load_dataset(name: str, root: Path | str | None = None, missing: str = "error", excluded: bool = False) -> Dataset:
    """Open a collection whose pictures are on this machine.

    Args:
        name: One of ``engine.datasets.COLLECTIONS``; ``"gallery"`` and ``"simulated"`` come with the project.
        root: Folder that holds the collections' folders; see :func:`data_root`.
        missing: ``"error"`` refuses a collection with a picture missing, ``"skip"`` leaves such pictures out.
        excluded: Whether pictures that belong to no split, since a test picture's patient is on them, are there too.

    Returns:
        The collection, in the order of its manifest.

    Raises:
        DataError: The collection is unknown, or pictures of it are missing.

    >>> gallery = load_dataset("simulated")
    >>> gallery.classes
    ('covid-19', 'normal', 'pneumonia')
    >>> gallery.load(0).dtype
    dtype('uint8')
    """
    collection = find_collection(name)
    folder = collection_folder(name, root)
    records = tuple(record for record in read_manifest(name, folder) if excluded or record.split != EXCLUDED)
    here = tuple(record for record in records if record.path.is_file())
    if not here or (missing == "error" and len(here) < len(records)):
        raise DataError(
            f"{len(records) - len(here)} of the {len(records)} pictures of {name} are not in {folder}: {_remedy(name)}."
        )
    return Dataset(name, collection.classes, here)


def data_root(root: Path | str | None = None) -> Path:
    """Return the folder of the downloaded collections: ``root``, else CXR_VAULT_DATA, else ``data``.

    Args:
        root: A folder chosen by the caller; None to look further.

    Returns:
        The folder; it may not exist yet. In a checkout it is ``data``, which git ignores; an installed package has no
        folder to write to, and the person's own (``~/.local/share/cxr-vault``, by the XDG specification) is taken.
    """
    return Path(root or os.environ.get("CXR_VAULT_DATA") or _usual_root(PROJECT))


def _usual_root(project: Path) -> Path:
    if (project / "pyproject.toml").is_file():
        return project / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cxr-vault"


def collection_folder(name: str, root: Path | str | None = None) -> Path:
    """Return the folder of a collection's pictures; those that come with the project lie beside this file."""
    collection = find_collection(name)
    return (Path(__file__).parent if collection.shipped else data_root(root)) / collection.folder


def data_hash(dataset: Dataset) -> str:
    """Return a SHA-256 over ids, labels, splits and original hashes: which pictures a figure stands on."""
    return _hash_of(dataset.records)


def manifest_hash(name: str) -> str:
    """Return the :func:`data_hash` of a whole collection as its manifest is now, without any picture.

    A stored figure that names another one was measured on other pictures or other splits.

    Raises:
        DataError: There is no collection of that name.

    >>> manifest_hash("simulated") == data_hash(load_dataset("simulated"))
    True
    """
    records = read_manifest(name, collection_folder(name))
    return _hash_of(record for record in records if record.split != EXCLUDED)


def _hash_of(records: Iterable[Record]) -> str:
    rows = [f"{r.id},{r.label},{r.split},{r.sha256}" for r in records]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _remedy(name: str) -> str:
    if name in REMEDIES:
        return REMEDIES[name]
    return f"run `python -m engine data fetch {name}`, or set CXR_VAULT_DATA to a folder that has them"
