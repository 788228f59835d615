"""What an owner remembers of its galleries, so that a store that lost, kept or exchanged rows is found out.

For each gallery the count of pictures, the highest epoch seen and the sum of all row tags; for each row its two tags.
A receipt is a small SQLite file beside the key. It names no picture and opens none.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from engine.retrieval.gallery_keys import TAG_BYTES
from engine.retrieval.stores.base import StoreError

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS gallery (id BLOB PRIMARY KEY, count INTEGER NOT NULL, epoch INTEGER NOT NULL, "
    "sum BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS address (address TEXT PRIMARY KEY, gallery BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS row (gallery BLOB, id BLOB, tag BLOB NOT NULL, seal BLOB NOT NULL, "
    "status INTEGER NOT NULL, PRIMARY KEY (gallery, id)) WITHOUT ROWID",
)
# Ends the address of a gallery that is about to take another's place; no address holds a space.
_NEXT = " (next)"
_MODULUS = 1 << (8 * TAG_BYTES)
BUSY_SECONDS = 30.0


class Status(IntEnum):
    """How a row stands: sent and not confirmed, held, or removed by its owner."""

    SENT = 0
    HELD = 1
    REMOVED = 2


@dataclass(frozen=True)
class Entry:
    """What is remembered of one row.

    Attributes:
        id: 16 bytes.
        tag: 16 bytes, a keyed hash of id, masked code and masked sketch.
        seal: 16 bytes, a keyed hash of the sealed note and picture.
        status: how it stands.
    """

    id: bytes
    tag: bytes = field(repr=False)
    seal: bytes = field(repr=False)
    status: Status = Status.SENT


@dataclass(frozen=True)
class Receipted:
    """The state of a gallery that its owner vouches for.

    Attributes:
        count: number of pictures.
        epoch: a store's epoch is at least this.
        digest: 16 bytes, the sum of the rows' tags modulo 2^128.
    """

    count: int
    epoch: int
    digest: bytes


class Receipt:
    """An owner's receipt; safe to share between threads and processes.

    Example:
        >>> receipt = Receipt()
        >>> receipt.begin(b"g" * 16)
        >>> receipt.send(b"g" * 16, [Entry(b"i" * 16, b"t" * 16, b"s" * 16)])
        >>> receipt.confirm(b"g" * 16, epoch=1, held=[b"i" * 16])
        >>> receipt.state(b"g" * 16).count
        1
    """

    def __init__(self, path: Path | None = None, address: str = "") -> None:
        """Open a receipt, or begin one.

        Args:
            path: of its file, which may lie on read-only media; in memory, for as long as this object lives, if not
                given.
            address: of the store, which is to hold the same gallery the next time.

        Raises:
            StoreError: the file is no receipt, or cannot be used.
        """
        self.path = path
        self._fixed = path is not None and path.exists() and not os.access(path, os.W_OK)
        # A file's name may hold bytes that are no text, which SQLite does not take.
        self._address = os.fsencode(address).decode(errors="backslashreplace")
        self._lock = threading.RLock()
        with self._errors():
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            for statement in _SCHEMA:
                self._connection.execute(statement)
            # Read-only media have nothing to make private, and cannot be asked to.
            if path and path.stat().st_mode & 0o077 and not self._fixed:
                path.chmod(0o600)

    def state(self, gallery: bytes) -> Receipted | None:
        """The state vouched for, or None of a gallery that is not remembered."""
        rows = self._all("SELECT count, epoch, sum FROM gallery WHERE id = ?", gallery)
        return Receipted(*rows[0]) if rows else None

    def entries(self, gallery: bytes) -> Iterator[Entry]:
        """What is remembered of each row."""
        for id_, tag, seal, status in self._all("SELECT id, tag, seal, status FROM row WHERE gallery = ?", gallery):
            yield Entry(id_, tag, seal, Status(status))

    def begin(self, gallery: bytes) -> None:
        """Remember a gallery from when it is empty."""
        self._all("INSERT OR IGNORE INTO gallery VALUES (?, 0, 0, ?)", gallery, bytes(TAG_BYTES))

    def send(self, gallery: bytes, entries: Iterable[Entry]) -> None:
        """Note rows before they go up, so that a process that is killed while they do leaves them explained."""
        values = [(gallery, one.id, one.tag, one.seal, Status.SENT) for one in entries]
        with self._changing() as connection:
            connection.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)", values)

    def confirm(self, gallery: bytes, epoch: int, held: Sequence[bytes], lost: Sequence[bytes] = ()) -> None:
        """Take rows that were sent as held, and forget others.

        Args:
            gallery: whose rows.
            epoch: of the store after it took them.
            held: ids of the rows it took.
            lost: ids of the rows that it did not take.
        """
        tags = []
        with self._changing() as connection:
            for one in held:
                where = "gallery = ? AND id = ? AND status = 0"
                found = connection.execute(f"SELECT tag FROM row WHERE {where}", (gallery, one)).fetchone()
                if found:
                    tags.append(found[0])
                    connection.execute(f"UPDATE row SET status = 1 WHERE {where}", (gallery, one))
            pairs = [(gallery, one) for one in lost]
            connection.executemany("DELETE FROM row WHERE gallery = ? AND id = ? AND status = 0", pairs)
            self._move(connection, gallery, tags, +1)
            connection.execute("UPDATE gallery SET epoch = max(epoch, ?) WHERE id = ?", (epoch, gallery))

    def sent(self, gallery: bytes) -> list[bytes]:
        """Ids of rows that were sent and not confirmed: of an upload that runs, or was killed."""
        return [row[0] for row in self._all("SELECT id FROM row WHERE gallery = ? AND status = 0", gallery)]

    def remove(self, gallery: bytes, ids: Sequence[bytes], back: bool = False) -> None:
        """Note that rows are removed, before they are; ``back`` takes the note back where that failed."""
        before, after = (Status.REMOVED, Status.HELD) if back else (Status.HELD, Status.REMOVED)
        tags = []
        with self._changing() as connection:
            for one in ids:
                where = (gallery, one, before)
                query = "SELECT tag FROM row WHERE gallery = ? AND id = ? AND status = ?"
                found = connection.execute(query, where).fetchone()
                if found:
                    tags.append(found[0])
                    connection.execute("UPDATE row SET status = ? WHERE gallery = ? AND id = ?", (after, gallery, one))
            self._move(connection, gallery, tags, +1 if back else -1)

    def forget(self, gallery: bytes) -> None:
        """Forget a gallery that another has taken the place of."""
        with self._changing() as connection:
            connection.execute("DELETE FROM row WHERE gallery = ?", (gallery,))
            connection.execute("DELETE FROM gallery WHERE id = ?", (gallery,))
            connection.execute("DELETE FROM address WHERE gallery = ?", (gallery,))

    def take_over(self, other: "Receipt", gallery: bytes) -> None:
        """Remember of a gallery what another receipt does, and nothing else."""
        state, entries = other.state(gallery), list(other.entries(gallery))
        self.forget(gallery)
        self.begin(gallery)
        self.send(gallery, entries)
        self.confirm(gallery, state.epoch if state else 0, [entry.id for entry in entries])

    def place(self, gallery: bytes) -> None:
        """Remember which gallery lies at the address, where the receipt can be written."""
        if self._fixed:
            return
        with self._changing() as connection:
            connection.execute("INSERT OR REPLACE INTO address VALUES (?, ?)", (self._address, gallery))
            connection.execute("DELETE FROM address WHERE address = ?", (self._address + _NEXT,))

    def expect(self, gallery: bytes) -> None:
        """Note which gallery is about to take the place, so that a program killed meanwhile knows either."""
        self._all("INSERT OR REPLACE INTO address VALUES (?, ?)", self._address + _NEXT, gallery)

    def expected(self) -> bytes | None:
        """The gallery that was about to take the place when a program was stopped, if one was."""
        rows = self._all("SELECT gallery FROM address WHERE address = ?", self._address + _NEXT)
        return rows[0][0] if rows else None

    def placed(self) -> bytes | None:
        """The gallery that lay at the address, if that is remembered."""
        rows = self._all("SELECT gallery FROM address WHERE address = ?", self._address)
        return rows[0][0] if rows else None

    def _move(self, connection: sqlite3.Connection, gallery: bytes, tags: Sequence[bytes], sign: int) -> None:
        """Add rows to the count and the sum of a gallery, or take them away."""
        found = connection.execute("SELECT sum FROM gallery WHERE id = ?", (gallery,)).fetchone()
        if found is None:
            return
        total = (int.from_bytes(found[0]) + sign * sum(map(int.from_bytes, tags))) % _MODULUS
        change = (sign * len(tags), total.to_bytes(TAG_BYTES), gallery)
        connection.execute("UPDATE gallery SET count = count + ?, sum = ? WHERE id = ?", change)

    def _all(self, statement: str, *values: object) -> list[tuple]:
        with self._lock, self._errors():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # Where the disk is full, SQLite has done so itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StoreError(f"The disk of the receipt {self.path} is full: make room, then run again.") from error
            raise StoreError(
                f"The receipt {self.path} cannot be used ({error}): name another with --receipt."
            ) from error


def set_digest(tags: Iterable[bytes]) -> bytes:
    r"""The sum of row tags modulo 2^128, 16 bytes.

    Example:
        >>> set_digest([b"\\0" * 15 + b"\\1", b"\\0" * 15 + b"\\2"]).hex()[-1]
        '3'
    """
    return (sum(map(int.from_bytes, tags)) % _MODULUS).to_bytes(TAG_BYTES)
