"""Collections and their manifests: which pictures exist, what is known of each, and where they come from.

A manifest is a CSV file of facts, no pictures (``engine/datasets/manifests``). Its columns are described in
the README beside it.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import VaultError

MANIFESTS = Path(__file__).with_name("manifests")


class DataError(VaultError):
    """A collection is unknown, not on this machine, or not what its manifest says."""


@dataclass(frozen=True)
class Collection:
    """How the pictures of one collection are kept.

    Attributes:
        name: What ``load_dataset`` calls it.
        folder: Its folder below the data root.
        classes: Labels, in the order of their numbers.
        shorter_side: At most this, re-encoded as gray JPEG; None keeps the original bytes.
    """

    name: str
    folder: str
    classes: tuple[str, ...]
    shorter_side: int | None = None


@dataclass(frozen=True)
class Record:
    """One picture of a collection.

    Attributes:
        id: Unique in its collection.
        path: The picture file on this machine.
        label: One of the collection's classes.
        split: ``"train"``, ``"val"`` or ``"test"``.
        group: Pictures of one patient, or near-identical ones, share a group; the id where nothing is known.
        source: The collection it was published in.
        sha256: Hash of the original file.
        licence: As its publisher states it.
        address: Path of the original file on the public raw-file host; empty if made by this project.
        facts: Every other column of the manifest, as text.
    """

    id: str
    path: Path
    label: str
    split: str
    group: str
    source: str
    sha256: str
    licence: str
    address: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)


COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("covidx-open", "covidx_open", ("covid-19", "normal", "pneumonia"), shorter_side=512),
        Collection("anatomy", "anatomy", ("bone", "brain", "chest")),
        Collection("simulated", "simulated", ("covid-19", "normal", "pneumonia")),
    )
}


def find_collection(name: str) -> Collection:
    """Return a collection by name.

    Args:
        name: ``"covidx-open"``, ``"anatomy"`` or ``"simulated"``.

    Returns:
        The collection.

    Raises:
        DataError: There is none of that name.

    >>> find_collection("anatomy").classes
    ('bone', 'brain', 'chest')
    """
    if name not in COLLECTIONS:
        raise DataError(f"There is no collection named {name!r}: choose one of {', '.join(COLLECTIONS)}.")
    return COLLECTIONS[name]


def read_manifest(name: str, folder: Path) -> tuple[Record, ...]:
    """Read the manifest of a collection.

    Args:
        name: The collection.
        folder: Where its pictures lie; the records' paths begin there.

    Returns:
        One record per picture, in the manifest's order.

    Raises:
        DataError: There is no collection of that name.
    """
    find_collection(name)
    text = gzip.decompress((MANIFESTS / f"{name}.csv.gz").read_bytes()).decode()
    return tuple(_record(row, folder) for row in csv.DictReader(io.StringIO(text)))


def _record(row: dict[str, str], folder: Path) -> Record:
    address = "/".join(row.pop(part, "") for part in ("repository", "commit", "path")).strip("/")
    name = row.pop("id")
    return Record(
        id=name,
        path=folder / row.pop("file"),
        label=row.pop("label"),
        split=row.pop("split"),
        group=row.pop("group", name),
        source=row.pop("source"),
        sha256=row.pop("sha256"),
        licence=row.pop("licence"),
        address=address,
        facts=row,
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
