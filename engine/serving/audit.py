"""The owner's log of who was given what: append-only, on the disk before anything is handed over, a chain of hashes.

Each line is JSON with the SHA-256 of itself and of the line before. A line that was changed, taken out or put in breaks
the chain; that lines were cut off at the end shows where a later head was noted elsewhere (``log verify --head``).
It holds whose token it was and opaque ids; no code, no picture's name, no key.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from engine.serving.errors import ServingError

What = Literal["mask", "descriptors", "keys", "refused"]
WHATS: tuple[What, ...] = get_args(What)
START = "0" * 64
MOST_LINE = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    Attributes:
        number: from 0.
        time: ISO 8601 in UTC.
        user: name of the token.
        what: was given, or that it was refused.
        ids: of the pictures.
        previous: hash of the line before.
    """

    number: int
    time: str
    user: str
    what: What
    ids: tuple[str, ...]
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 of the entry as JSON with sorted keys, hexadecimal."""
        return sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class AuditLog:
    """Appends to a log; one process at a time may.

    Example:
        >>> import tempfile
        >>> log = AuditLog(Path(tempfile.mkdtemp()) / "audit.log")
        >>> log.append("reader", "keys", ["0f" * 16]).number
        0
        >>> log.close()
        >>> [entry.user for entry in verified(log.path)]
        ['reader']
    """

    def __init__(self, path: Path) -> None:
        """Open a log, or begin one; a last line that a lost power cut short is taken off.

        Raises:
            ServingError: another process has it open, or its chain is broken.
            OSError: the file cannot be used.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise ServingError(f"Another program writes the log {path}: stop it, or name another log.") from error
        self._lock = Lock()
        self._cut()
        self.count, self.head = 0, START
        self._day = ""
        self._given: dict[tuple[str, What], set[str]] = {}
        for entry in verified(path):
            self._follow(entry)

    def append(self, user: str, what: What, ids: Sequence[str]) -> Entry:
        """Write an entry and wait until it is on the disk.

        Raises:
            OSError: it cannot be written: then nothing may be handed over.
        """
        with self._lock:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            entry = Entry(self.count, now, user, what, tuple(ids), self.head)
            line = json.dumps(asdict(entry) | {"hash": entry.hash}).encode() + b"\n"
            end = os.fstat(self._file).st_size
            try:
                if os.write(self._file, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                os.fsync(self._file)
            except OSError:
                os.ftruncate(self._file, end)
                raise
            self._follow(entry)
            return entry

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)

    def given_today(self, user: str, what: What) -> set[str]:
        """Different pictures of which a user was given something since midnight (UTC)."""
        with self._lock:
            today = datetime.now(UTC).date().isoformat()
            return set(self._given.get((user, what), ())) if self._day == today else set()

    def _follow(self, entry: Entry) -> None:
        self.count, self.head = entry.number + 1, entry.hash
        if entry.time[:10] != self._day:
            self._day, self._given = entry.time[:10], {}
        self._given.setdefault((entry.user, entry.what), set()).update(entry.ids)

    def _cut(self) -> None:
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, MOST_LINE, max(0, size - MOST_LINE))
        if tail and not tail.endswith(b"\n"):
            # It was never acknowledged: nothing was handed over for it.
            os.ftruncate(self._file, size - len(tail) + tail.rfind(b"\n") + 1)


def verified(path: Path) -> Iterator[Entry]:
    """Read a log and check its chain.

    Yields:
        Its entries.

    Raises:
        ServingError: a line was changed, taken out, put in or cut short; it names the line.
    """
    head = START
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise ServingError(f"There is no log {path}: name the one of `serve owner --log`.") from error
    with file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_LINE), b"")):
            entry, written = _read(line)
            if entry is None or entry.number != number or entry.previous != head or entry.hash != written:
                raise ServingError(
                    f"Line {number + 1} of the log {path} is not what was written: it was changed since, "
                    "or a line before it was."
                )
            head = entry.hash
            yield entry


def _read(line: bytes) -> tuple[Entry | None, str]:
    try:
        fields = json.loads(line)
        written = fields.pop("hash")
        entry = Entry(**fields | {"ids": tuple(fields["ids"])})
        sound = line.endswith(b"\n") and entry.what in WHATS
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, ""
    return (entry if sound else None), written
