"""Tell whether the pictures on this machine are those of the manifest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.datasets.dataset import collection_folder
from engine.datasets.manifest import Record, find_collection, read_manifest
from engine.files import file_sha256

Progress = Callable[[int, int], None]
STORED = "stored.sha256"


@dataclass(frozen=True)
class VerifyReport:
    """What :func:`verify` found.

    Attributes:
        name: The collection.
        folder: Where its pictures were looked for.
        total: Pictures in the manifest.
        missing: Ids of pictures that are not there.
        changed: Ids of pictures whose bytes nobody vouches for.
    """

    name: str
    folder: Path
    total: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every picture is there and unchanged."""
        return not self.missing and not self.changed

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.ok:
            return f"All {self.total} pictures of {self.name} are in {self.folder} and unchanged."
        named = ", ".join((*self.changed, *self.missing)[:3])
        return (
            f"Of {self.total} pictures of {self.name} in {self.folder}, {len(self.missing)} are missing and "
            f"{len(self.changed)} changed ({named}{', ...' if len(self.missing) + len(self.changed) > 3 else ''}): "
            f"run `python -m engine data fetch {self.name}` to put that right."
        )


def verify(name: str, root: Path | str | None = None, progress: Progress | None = None) -> VerifyReport:
    """Compare every picture of a collection with its manifest.

    A file is good if its SHA-256 is that of the original, that of the reference copy (``resized_sha256``), or
    the one noted in ``stored.sha256`` when the verified original was resized on this machine.

    Args:
        name: The collection.
        root: Folder that holds the collections' folders; see :func:`engine.datasets.data_root`.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The report.

    Raises:
        DataError: There is no collection of that name.

    >>> verify("simulated").ok
    True
    """
    folder = collection_folder(name, root)
    if parts := find_collection(name).parts:
        reports = [verify(part, root, progress) for part in parts]
        missing, changed = (tuple(i for r in reports for i in getattr(r, which)) for which in ("missing", "changed"))
        return VerifyReport(name, folder, sum(report.total for report in reports), missing, changed)
    return _verify_one(name, folder, progress)


def _verify_one(name: str, folder: Path, progress: Progress | None) -> VerifyReport:
    records = read_manifest(name, folder)
    stored = read_stored(folder)
    missing, changed = [], []
    for done, record in enumerate(records, 1):
        if not record.path.is_file():
            missing.append(record.id)
        elif not is_good(record, folder, stored):
            changed.append(record.id)
        if progress:
            progress(done, len(records))
    return VerifyReport(name, folder, len(records), tuple(missing), tuple(changed))


def is_good(record: Record, folder: Path, stored: Mapping[str, str]) -> bool:
    """Tell whether a picture is there with a hash that somebody vouches for.

    Args:
        record: The picture.
        folder: Its collection's folder.
        stored: Hashes noted on this machine, by path below the folder; see :func:`read_stored`.

    Returns:
        True if the file exists and its hash is known.
    """
    if not record.path.is_file():
        return False
    noted = stored.get(record.path.relative_to(folder).as_posix())
    return file_sha256(record.path) in {record.sha256, record.facts.get("resized_sha256"), noted}


def read_stored(folder: Path) -> dict[str, str]:
    """Read the hashes noted by the fetcher: ``<sha256>  <path>`` lines, as ``sha256sum`` writes them."""
    path = folder / STORED
    if not path.is_file():
        return {}
    lines = (line.partition("  ") for line in path.read_text().splitlines())
    return {name: digest for digest, _, name in lines if len(digest) == 64 and name}
