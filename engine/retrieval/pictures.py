"""Pictures on their way into a gallery: a name, a label and a way to load the pixels."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from engine.imaging import Budget, ImageError, load_image
from engine.imaging.archive import PUBLIC_ARCHIVE, ArchiveBudget, Entry, is_archive, open_archive, shown_name

if TYPE_CHECKING:
    from engine.datasets import Dataset

# A stranger's folder name becomes a label only if it is short and plain.
_LABEL = re.compile(r"\w[\w -]{0,29}")


@dataclass(frozen=True)
class Picture:
    """A picture that is loaded when its turn comes.

    Attributes:
        name: what the owner calls it.
        load: gives the pixels, ``(H, W)`` uint8 or uint16.
        label: its class, if known.
        file: gives the file that ``load`` decodes, as it came; None where the pixels come from elsewhere.
        header: gives what is kept of its DICOM header, as JSON (``engine.clinic.header``); None keeps nothing.
    """

    name: str
    load: Callable[[], np.ndarray]
    label: str | None = None
    file: Callable[[], bytes] | None = None
    header: Callable[[], str] | None = None


def pictures_of(dataset: "Dataset") -> list[Picture]:
    """The pictures of a dataset under their ids, with their labels."""
    return [
        Picture(record.id, partial(dataset.load, position), record.label, record.path.read_bytes)
        for position, record in enumerate(dataset.records)
    ]


def pictures_of_files(
    files: Iterable[tuple[str, bytes]], budget: ArchiveBudget = PUBLIC_ARCHIVE
) -> tuple[list[Picture], list[str]]:
    """Take in files from a stranger, pictures and ZIP archives of pictures, told apart by content.

    A picture inside a folder of an archive is labelled with the folder's name, if the archive's pictures lie in
    more than one folder and the name is short and plain. Names are cut to one line and never used as paths.

    Args:
        files: name and content of each.
        budget: what an archive, and each picture, may cost.

    Returns:
        Pictures that decode when they are loaded (an ImageError then names the file), and one sentence for each
        file that is left out already.
    """
    pictures, problems = [], []
    for name, data in files:
        if not is_archive(data):
            pictures.append(_stranger(name, partial(bytes, data), budget.each))
            continue
        try:
            entries, left_out = open_archive(data, budget)
            if not entries and not left_out:
                raise ImageError("The ZIP archive holds no picture: pack some into it.")
        except ImageError as error:
            entries, left_out = [], [f"{shown_name(name)}: {error}"]
        labels = labels_of(entries)
        pictures += [
            _stranger(entry.name, entry.read, budget.each, label) for entry, label in zip(entries, labels, strict=True)
        ]
        problems += left_out
    return pictures, problems


def labels_of(entries: Sequence[Entry]) -> list[str | None]:
    """Take the folder's name for the label of each file of an archive, if they lie in several and it is plain."""
    folders = [PurePosixPath(entry.name.replace("\\", "/")).parent.name for entry in entries]
    if len(set(folders)) < 2:
        return [None] * len(folders)
    return [folder if _LABEL.fullmatch(folder) else None for folder in folders]


def _stranger(name: str, read: Callable[[], bytes], budget: Budget, label: str | None = None) -> Picture:
    return Picture(shown_name(name), partial(decode_named, shown_name(name), read, budget), label, read)


def decode_named(name: str, read: Callable[[], bytes], budget: Budget) -> np.ndarray:
    """Read and decode a file whose name an error is to give.

    Raises:
        ImageError: it is no picture, or its archive is damaged.
    """
    try:
        return load_image(read(), budget)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
