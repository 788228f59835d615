"""Files out of a ZIP archive from a stranger: bounded, never written anywhere, their names never used as paths."""

import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

from engine.imaging.limits import LOCAL, MIB, PUBLIC, Budget, ImageError


@dataclass(frozen=True)
class ArchiveBudget:
    """What one archive may cost.

    Attributes:
        entries: how many files it may have.
        total: bytes that they may unpack to together.
        each: what one of them may cost.
    """

    entries: int
    total: int
    each: Budget


PUBLIC_ARCHIVE = ArchiveBudget(200, 128 * MIB, PUBLIC)
LOCAL_ARCHIVE = ArchiveBudget(50_000, 16 * 1024 * MIB, LOCAL)
MAX_ENTRIES, MAX_TOTAL_BYTES = PUBLIC_ARCHIVE.entries, PUBLIC_ARCHIVE.total
SHOWN_NAME = 60

_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_DIRECTORY_ENTRY = b"PK\x01\x02"
_OTHER_ARCHIVES = (b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_ENCRYPTED = 0x1
# The others' decompressors know no bound on what they return.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = 30
_DRIVE = re.compile(r"[A-Za-z]:/")


class ArchiveError(ImageError):
    """The bytes are not an archive that can be unpacked safely."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: what the archive calls it, with ``/`` between folders. Text to show, not a path to open.
        read: gives its bytes, at most what one file may have; raises :class:`ArchiveError` if it is damaged.
    """

    name: str
    read: Callable[[], bytes] = field(repr=False)


def is_archive(data: bytes) -> bool:
    r"""Tell from the content whether these bytes are a ZIP archive.

    >>> is_archive(b"PK\x03\x04..."), is_archive(b"\x89PNG")
    (True, False)
    """
    return data.startswith(_SIGNATURES)


def open_archive(data: bytes | Path, budget: ArchiveBudget = PUBLIC_ARCHIVE) -> tuple[list[Entry], list[str]]:
    """List the files of a ZIP archive without unpacking any.

    Folders, hidden files and what macOS adds are passed over.

    Args:
        data: The whole archive, or where it lies.
        budget: What it may cost.

    Returns:
        The files that may be read, in the archive's order, and one sentence for each that may not: its name leads
        out of the archive, it is encrypted, too large, or packed in an unusual way.

    Raises:
        ArchiveError: It is damaged, has too many files, files that share their bytes, or would unpack to too many
            bytes.
    """
    # Counted before the directory is read, because reading it takes memory for every entry.
    if isinstance(data, bytes) and data.count(_DIRECTORY_ENTRY) > budget.entries:
        raise _too_many(budget)
    try:
        archive = zipfile.ZipFile(BytesIO(data) if isinstance(data, bytes) else data)
    except _BROKEN as error:
        raise _damaged("The archive") from error
    members = [member for member in archive.infolist() if not _passed_over(member)]
    _check_members(archive.infolist(), members, budget)
    problems = [_problem(member, budget.each) for member in members]
    judged = list(zip(members, problems, strict=True))
    entries = [Entry(member.filename, partial(_read, archive, member)) for member, problem in judged if not problem]
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


def _check_members(everything: list[zipfile.ZipInfo], members: list[zipfile.ZipInfo], budget: ArchiveBudget) -> None:
    """Refuse an archive for what all of its files are together."""
    if len(everything) > budget.entries:
        raise _too_many(budget)
    total = sum(member.file_size for member in members)
    if total > budget.total:
        raise ArchiveError(
            f"The archive unpacks to {total / MIB:,.0f} MB, more than the {budget.total // MIB} MB allowed: "
            "split it into smaller ones."
        )
    ends = 0
    for member in sorted(everything, key=lambda member: member.header_offset):
        if member.header_offset < ends:
            raise ArchiveError("The archive's files overlap, as no packer makes them: pack it again.")
        ends = member.header_offset + _LOCAL_HEADER + len(member.filename.encode()) + member.compress_size


def _problem(member: zipfile.ZipInfo, budget: Budget) -> str | None:
    """Say why a file is left alone, or None."""
    if _leads_out(member.filename):
        return "The name leads out of the archive, so the file was left out: pack it again."
    if member.flag_bits & _ENCRYPTED:
        return "The file is encrypted: pack it again without a password."
    if member.compress_type not in _METHODS:
        return "The file is packed in an unusual way: pack it again as an ordinary ZIP."
    if member.file_size > budget.bytes:
        size = f"{member.file_size / MIB:,.1f} MB, more than the {budget.bytes // MIB} MB allowed"
        return f"The file is {size}: {budget.advice}."
    return None


def _leads_out(name: str) -> bool:
    """Whether a name, used as a path, would point outside: it never is, but it tells of ill will.

    >>> [_leads_out(name) for name in ("a/b.png", "../b.png", "/b.png", "C:/b.png", "a..b.png", "10:32 chest.png")]
    [False, True, True, True, False, False]
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or bool(_DRIVE.match(path.as_posix()))


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
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


def _too_many(budget: ArchiveBudget) -> ArchiveError:
    return ArchiveError(f"The archive has more than {budget.entries:,} files: split it into smaller ones.")
