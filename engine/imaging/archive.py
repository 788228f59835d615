"""Files out of a ZIP archive from a stranger: bounded, never written anywhere, their names never used as paths."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath

from engine.imaging.limits import MAX_BYTES, ImageError

MAX_ENTRIES = 200
MAX_TOTAL_BYTES = 128 * 1024 * 1024
# Pictures hardly shrink, raw DICOM two- to fourfold; small files of one gray level may shrink any amount.
MAX_RATIO = 50
SMALL_BYTES = 1024 * 1024
SHOWN_NAME = 60

_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_OTHER_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_ENCRYPTED = 0x1
# The others' decompressors know no bound on what they return.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveError(ImageError):
    """The bytes are not an archive that can be unpacked safely."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: what the archive calls it, with ``/`` between folders. Text to show, not a path to open.
        read: gives its bytes, at most ``MAX_BYTES``; raises :class:`ArchiveError` if it is damaged.
    """

    name: str
    read: Callable[[], bytes] = field(repr=False)


def is_archive(data: bytes) -> bool:
    r"""Tell from the content whether these bytes are a ZIP archive.

    >>> is_archive(b"PK\x03\x04..."), is_archive(b"\x89PNG")
    (True, False)
    """
    return data.startswith(_SIGNATURES)


def open_archive(data: bytes) -> tuple[list[Entry], list[str]]:
    """List the files of a ZIP archive without unpacking any.

    Folders, hidden files and what macOS adds are passed over.

    Args:
        data: The whole archive.

    Returns:
        The files that may be read, in the archive's order, and one sentence for each that may not: its name leads
        out of the archive, it is encrypted, too large, packed too densely or in an unusual way.

    Raises:
        ArchiveError: It is damaged, has too many files, or would unpack to too many bytes.
    """
    # Counted before the directory is read, because reading it takes memory for every entry.
    if data.count(_DIRECTORY_ENTRY) > MAX_ENTRIES:
        raise ArchiveError(f"The archive has more than {MAX_ENTRIES} files: split it into smaller ones.")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not _passed_over(member)]
    except _BROKEN as error:
        raise _damaged("The archive") from error
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise ArchiveError(
            f"The archive unpacks to {total / 2**20:,.0f} MB, more than the {MAX_TOTAL_BYTES // 2**20} MB allowed: "
            "split it into smaller ones."
        )
    problems = [_problem(member) for member in members]
    judged = list(zip(members, problems, strict=True))
    entries = [Entry(member.filename, partial(_read, data, member)) for member, problem in judged if not problem]
    return entries, [f"{shown_name(member.filename)}: {problem}" for member, problem in judged if problem]


def shown_name(name: str) -> str:
    """Cut a stranger's file name to one short line of printable text; it is still not to be trusted as markup.

    >>> shown_name("ward/a.png"), shown_name("a" + chr(10) + "b.png")
    ('ward/a.png', 'a b.png')
    """
    line = "".join(letter if letter.isprintable() else " " for letter in name.replace("\\", "/"))
    return line if len(line) <= SHOWN_NAME else f"...{line[3 - SHOWN_NAME :]}"


# What zipfile raises on damaged archives and on kinds that it cannot read, or a parent of that.
_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError, KeyError)


def _passed_over(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.replace("\\", "/").split("/")
    return not parts[-1] or any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def _problem(member: zipfile.ZipInfo) -> str | None:
    """Say why a file is left alone, or None."""
    if _leads_out(member.filename):
        return "The name leads out of the archive, so the file was left out: pack it again."
    if member.flag_bits & _ENCRYPTED:
        return "The file is encrypted: pack it again without a password."
    if member.compress_type not in _METHODS:
        return "The file is packed in an unusual way: pack it again as an ordinary ZIP."
    if member.file_size > MAX_BYTES:
        size = f"{member.file_size / 2**20:,.1f} MB, more than the {MAX_BYTES // 2**20} MB allowed"
        return f"The file is {size}: export a smaller copy."
    if member.file_size > max(SMALL_BYTES, MAX_RATIO * member.compress_size):
        return f"The file unpacks to over {MAX_RATIO} times its size, as no picture does: upload it by itself."
    return None


def _leads_out(name: str) -> bool:
    """Whether a name, used as a path, would point outside: it never is, but it tells of ill will.

    >>> [_leads_out(name) for name in ("a/b.png", "../b.png", "/b.png", "C:/b.png", "a..b.png")]
    [False, True, True, True, False]
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name


def _read(data: bytes, member: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive, archive.open(member) as file:
            content = file.read(member.file_size + 1)
    except _BROKEN as error:
        raise _damaged("The file") from error
    if len(content) != member.file_size:
        raise _damaged("The file")
    if content.startswith((*_SIGNATURES, *_OTHER_ARCHIVES)):
        raise ArchiveError("The file is an archive inside the archive: unpack it and add its pictures.")
    return content


def _damaged(what: str) -> ArchiveError:
    return ArchiveError(f"{what} is damaged: pack it again and retry.")
