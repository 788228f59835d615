"""Pictures of a folder as it is: told by their content, whatever the files are called and wherever they lie."""

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from engine.imaging import ImageError, load_file
from engine.imaging.archive import LOCAL_ARCHIVE, is_archive, open_archive
from engine.imaging.decode import is_picture
from engine.retrieval.pictures import Picture, decode_named, labels_of
from engine.retrieval.stores import StoreError

# A name that ends so promises a picture: its file is named when it holds none.
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".dcm", ".dicom", ".dic", ".ima"})
_SNIFFED = 256
# The index of a patient CD: a DICOM file that lists the others.
_DIRECTORY = b"1.2.840.10008.1.3.10"
_LABELS = ("file", "label")


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        pictures: in the order of their names, which are paths relative to the folder.
        left_out: one sentence for each file or folder that cannot be read or is no picture though it is called one.
        others: how many files are neither.
    """

    pictures: tuple[Picture, ...]
    left_out: tuple[str, ...] = ()
    others: int = 0


def find_pictures(folder: Path | str) -> Found:
    """Find the PNG, JPEG and DICOM files of a folder, of the folders inside it and of ZIP archives among them.

    Hidden files and folders are passed over, as is the index of a patient CD (DICOMDIR). Links are followed, each
    folder once. A picture inside a subfolder is labelled with the subfolder's name.

    Args:
        folder: where to look.

    Raises:
        StoreError: there is no such folder, or no picture in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise StoreError(f"There is no folder {root}: give the folder that holds the pictures.")
    pictures: list[Picture] = []
    left_out: list[str] = []
    others = 0
    for name in sorted(_files(root, left_out)):
        found = _look_into(root, name, left_out)
        pictures += found
        others += not found
    if not pictures and not left_out:
        raise StoreError(f"The folder {root} holds no PNG, JPEG or DICOM file: choose another folder.")
    return Found(tuple(pictures), tuple(left_out), others)


def pictures_in(folder: Path | str) -> list[Picture]:
    """Give the pictures of a folder alone, as :func:`find_pictures` finds them.

    Raises:
        StoreError: there is no such folder, or no picture in it.
    """
    found = find_pictures(folder)
    if not found.pictures:
        raise StoreError(f"No file of the folder {folder} can be used; the first: {found.left_out[0]}")
    return list(found.pictures)


def with_labels(found: Found, file: Path | str) -> Found:
    """Give pictures the labels of a CSV file instead of their folders' names.

    Args:
        found: From :func:`find_pictures`.
        file: Two columns, ``file`` (a path relative to the folder) and ``label``; an empty label is none.

    Raises:
        StoreError: it has other columns, or names a file that is not there.
        OSError: it cannot be read.
    """
    labels = _read_labels(Path(file))
    known = {picture.name for picture in found.pictures} | {line.split(": ")[0] for line in found.left_out}
    unknown = [name for name in labels if name not in known]
    if unknown:
        raise StoreError(
            f"{file} names {unknown[0]!r}, and {len(unknown) - 1} more, which the folder does not hold: correct it."
            if len(unknown) > 1
            else f"{file} names {unknown[0]!r}, which the folder does not hold: correct it."
        )
    return replace(found, pictures=tuple(replace(one, label=labels.get(one.name)) for one in found.pictures))


def _read_labels(file: Path) -> Mapping[str, str | None]:
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        rows = csv.DictReader(lines)
        if not set(_LABELS) <= set(rows.fieldnames or ()):
            raise StoreError(f"{file} needs the columns file and label, separated by commas: write them in line 1.")
        return {(row["file"] or "").strip().replace("\\", "/"): (row["label"] or "").strip() or None for row in rows}


def _files(root: Path, left_out: list[str]) -> Iterator[Path]:
    """Give the files below a folder as paths relative to it; note the folders that cannot be read."""

    def unreadable(error: OSError) -> None:
        name = Path(error.filename or root).relative_to(root).as_posix()
        left_out.append(f"{name}: The folder cannot be read ({error.strerror}): check it.")

    seen = {_identity(root)}
    for place, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        kept = []
        for folder in sorted(folders):
            identity = _identity(Path(place) / folder)
            if not folder.startswith(".") and identity not in seen:
                seen.add(identity)
                kept.append(folder)
        folders[:] = kept
        yield from (Path(place, file).relative_to(root) for file in files if not file.startswith("."))


def _identity(folder: Path) -> tuple[int, int] | str:
    try:
        known = folder.stat()
    except OSError:
        return str(folder)
    return known.st_dev, known.st_ino


def _look_into(root: Path, name: Path, left_out: list[str]) -> list[Picture]:
    """Give the picture that a file is, or those that it holds."""
    path = root / name
    if not path.is_file():
        return []
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED + 64)
    except OSError as error:
        left_out.append(_unreadable(name, error))
        return []
    if _DIRECTORY in start[128:] and start[128:132] == b"DICM":
        return []
    if is_archive(start):
        return _unpacked(path, name, left_out)
    if is_picture(start):
        return [Picture(name.as_posix(), partial(_load, path, name), name.parent.name or None, path.read_bytes)]
    if name.suffix.lower() in PICTURE_SUFFIXES:
        what = "The file holds no PNG, JPEG or DICOM picture" if start else "The file is empty (0 bytes)"
        left_out.append(f"{name.as_posix()}: {what}: export it again.")
    return []


def _unpacked(path: Path, name: Path, left_out: list[str]) -> list[Picture]:
    try:
        entries, problems = open_archive(path, LOCAL_ARCHIVE)
    except (ImageError, OSError) as error:
        left_out.append(f"{name.as_posix()}: {error}")
        return []
    left_out += [f"{name.as_posix()}/{problem}" for problem in problems]
    labels = labels_of(entries)
    return [
        Picture(
            inside,
            partial(decode_named, inside, entry.read, LOCAL_ARCHIVE.each),
            label or name.parent.name or None,
            entry.read,
        )
        for entry, label in zip(entries, labels, strict=True)
        for inside in [f"{name.as_posix()}/{entry.name}"]
    ]


def _load(path: Path, name: Path) -> np.ndarray:
    try:
        return load_file(path)
    except ImageError as error:
        raise ImageError(f"{name.as_posix()}: {error}") from error
    except OSError as error:
        raise ImageError(_unreadable(name, error)) from error


def _unreadable(name: Path, error: OSError) -> str:
    return f"{name.as_posix()}: The file cannot be read ({error.strerror}): check it."
