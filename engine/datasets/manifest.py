"""Collections and their manifests: which pictures exist, what is known of each, and where they come from.

A manifest is a CSV file of facts, no pictures (``engine/datasets/manifests``). Its columns are described in
the README beside it.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import VaultError

MANIFESTS = Path(__file__).with_name("manifests")
# Training and validation pictures whose patient, or a copy of which, stands in the test split.
EXCLUDED = "excluded"
BESIDE = "pictures.csv"
SPLITS = ("train", "val", "test", EXCLUDED)


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
        parts: Names of the collections that this one joins; it has no manifest and no folder of its own then.
        shipped: Whether its pictures come with the project; they lie in a folder beside this file then.
    """

    name: str
    folder: str
    classes: tuple[str, ...]
    shorter_side: int | None = None
    parts: tuple[str, ...] = ()
    shipped: bool = False


@dataclass(frozen=True)
class Record:
    """One picture of a collection.

    Attributes:
        id: Unique in its collection.
        path: The picture file on this machine.
        label: One of the collection's classes.
        split: ``"train"``, ``"val"``, ``"test"`` or ``"excluded"``.
        group: Pictures of one patient, or near-identical ones, share a group; the id where nothing is known.
        source: The collection it was published in.
        sha256: Hash of the original file.
        licence: As its publisher states it.
        address: Path of the original file on the public raw-file host; empty if made by this project.
        finding: The source's own word for what is seen; the label where it has none.
        publisher: Hospital, journal or web site that the source took it from; empty where unknown.
        patient: The publisher's number for the patient; empty where unknown.
        view: Projection, ``"PA"``, ``"AP"`` or ``"AP supine"``; empty where unknown.
        collection: The collection whose manifest names it.
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
    finding: str = ""
    publisher: str = ""
    patient: str = ""
    view: str = ""
    collection: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def origin(self) -> str:
        """The publisher where it is known, else the source: the nearest thing to a hospital."""
        return self.publisher or self.source


_CHEST = ("covid-19", "normal", "pneumonia")
_CHEST_AND_TUBERCULOSIS = (*_CHEST, "tuberculosis")
COLLECTIONS = {
    collection.name: collection
    for collection in (
        Collection("covidx-open", "covidx_open", _CHEST, shorter_side=512),
        Collection("cxr-sources", "cxr_sources", _CHEST_AND_TUBERCULOSIS, shorter_side=512),
        Collection("cxr-open", "", _CHEST_AND_TUBERCULOSIS, parts=("covidx-open", "cxr-sources")),
        Collection("anatomy", "anatomy", ("bone", "brain", "chest")),
        Collection("gallery", "gallery", _CHEST_AND_TUBERCULOSIS, shorter_side=384, shipped=True),
        Collection("simulated", "simulated", _CHEST, shipped=True),
    )
}


def find_collection(name: str) -> Collection:
    """Return a collection by name.

    Args:
        name: One of ``COLLECTIONS``.

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
    """Read the manifest of a collection, or those of the collections it joins, one after the other.

    Args:
        name: The collection.
        folder: Where its pictures lie; the records' paths begin there.

    Returns:
        One record per picture, in the manifest's order, excluded ones as well.

    Raises:
        DataError: There is no collection of that name, or its manifest contradicts itself.
    """
    collection = find_collection(name)
    if collection.parts:
        parts = [read_manifest(part, folder / find_collection(part).folder) for part in collection.parts]
        records = tuple(record for part in parts for record in part)
    else:
        records = tuple(_record(row, name, folder) for row in csv.DictReader(io.StringIO(_manifest_text(name))))
    check_records(collection, records)
    return records


def _manifest_text(name: str) -> str:
    # The gallery's rows say under which licence each picture may be passed on: they lie beside the pictures, in the
    # open.
    beside = Path(__file__).parent / find_collection(name).folder / BESIDE
    if find_collection(name).shipped and beside.exists():
        return beside.read_text(encoding="utf-8")
    return gzip.decompress((MANIFESTS / f"{name}.csv.gz").read_bytes()).decode()


def check_records(collection: Collection, records: Iterable[Record]) -> None:
    """Refuse a manifest that contradicts itself.

    Args:
        collection: Whose it is.
        records: Its rows.

    Raises:
        DataError: A row has a label or a split that does not exist, an id is there twice, a label has no picture, or
            a group stands in two splits. Excluded pictures may belong to a group of any split.

    Example:
        >>> row = Record("a", Path("a.png"), "bone", "train", "patient 1", "made up", "0" * 64, "CC0")
        >>> check_records(Collection("hands", "hands", ("bone", "brain")), [row])
        Traceback (most recent call last):
        ...
        engine.datasets.manifest.DataError: The manifest of hands has no picture of the label 'brain': ...
    """
    of = f"The manifest of {collection.name}"
    splits: dict[str, str] = {}
    ids: set[str] = set()
    labels: set[str] = set()
    for record in records:
        if record.label not in collection.classes:
            raise DataError(f"{of} calls {record.id} {record.label!r}: its labels are {', '.join(collection.classes)}.")
        if record.split not in SPLITS:
            raise DataError(f"{of} puts {record.id} into {record.split!r}: the splits are {', '.join(SPLITS)}.")
        if record.id in ids:
            raise DataError(f"{of} has two rows with the id {record.id!r}: give each picture its own.")
        ids.add(record.id)
        if record.split == EXCLUDED:
            continue
        labels.add(record.label)
        if splits.setdefault(record.group, record.split) != record.split:
            raise DataError(
                f"{of} has the group {record.group!r} in the splits {splits[record.group]} and {record.split}: "
                f"move its pictures into one, or exclude them."
            )
    for label in collection.classes:
        if label not in labels:
            raise DataError(f"{of} has no picture of the label {label!r}: leave the label out, or add pictures.")


def _record(row: dict[str, str], collection: str, folder: Path) -> Record:
    address = "/".join(row.pop(part, "") for part in ("repository", "commit", "path")).strip("/")
    name, label = row.pop("id"), row.pop("label")
    return Record(
        id=name,
        path=folder / row.pop("file"),
        label=label,
        split=row.pop("split"),
        group=row.pop("group", name),
        source=row.pop("source"),
        sha256=row.pop("sha256"),
        licence=row.pop("licence"),
        address=address,
        finding=row.pop("finding", label),
        publisher=row.pop("publisher", ""),
        patient=row.pop("patient", ""),
        view=row.pop("view", ""),
        collection=collection,
        facts=row,
    )
