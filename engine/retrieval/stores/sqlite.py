"""A store in one SQLite file.

Every operation opens its own connection, so threads and processes may share a store. Codes live in a
table of their own, small enough to be read at once; the pictures beside them are read one by one.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.retrieval.stores.base import MAX_BITS, Append, Gallery, SealedPicture, SealedRecord, Store, StoreError

APPLICATION_ID = 0x43585256  # "CXRV"
SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
SCHEMA = (
    "CREATE TABLE gallery (id BLOB NOT NULL, bits INTEGER NOT NULL, key_check BLOB NOT NULL)",
    "CREATE TABLE code (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, code BLOB NOT NULL)",
    "CREATE TABLE sealed (position INTEGER PRIMARY KEY, record BLOB NOT NULL, picture BLOB NOT NULL)",
)


class SqliteStore(Store):
    """The store in one file, which the first append creates.

    Example:
        >>> SqliteStore("nothing/here.db").gallery() is None
        True
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """Open the store, or prepare to create it.

        Args:
            path: of the file; missing folders are made when it is.

        Raises:
            StoreError: what lies there is not a store of this version.
        """
        self.path = Path(path).absolute()
        self.gallery()

    def gallery(self) -> Gallery | None:
        """The gallery held, or None where there is no file yet; see :class:`Store`."""
        if not self.path.exists():
            return None
        with self._reading() as connection:
            return self._gallery_of(connection)

    def codes(self, start: int = 0) -> tuple[list[str], npt.NDArray[np.uint8]]:
        """Ids and masked codes from position ``start`` on; see :class:`Store`."""
        query = "SELECT position, id, code FROM code WHERE position >= ? ORDER BY position"
        with self._reading() as connection:
            width = self._gallery_of(connection).bits // 8
            rows = [self._sound(row, int, str, bytes) for row in connection.execute(query, (start,))]
        positions, ids, codes = zip(*rows, strict=True) if rows else ((), (), ())
        if positions != tuple(range(start, start + len(rows))) or any(len(code) != width for code in codes):
            raise self._damaged()
        return list(ids), np.frombuffer(b"".join(codes), np.uint8).reshape(len(rows), width)

    def records(self, ids: Sequence[str] | None = None) -> list[SealedRecord]:
        """Sealed records of ``ids``, or all by position; see :class:`Store`."""
        query = "SELECT id, code, record FROM code JOIN sealed USING (position)"
        with self._reading() as connection:
            if ids is None:
                rows = connection.execute(f"{query} ORDER BY position").fetchall()
            else:
                rows = [self._row_of(connection, query, identity) for identity in ids]
        return [SealedRecord(*self._sound(row, str, bytes, bytes)) for row in rows]

    def pictures(self, ids: Sequence[str]) -> list[bytes]:
        """Sealed pictures of ``ids``; see :class:`Store`."""
        query = "SELECT picture FROM code JOIN sealed USING (position)"
        with self._reading() as connection:
            rows = [self._row_of(connection, query, identity) for identity in ids]
        return [self._sound(row, bytes)[0] for row in rows]

    @contextmanager
    def appending(self, gallery: Gallery) -> Iterator[Append]:
        """Append rows in one transaction; a new store appears under its name when it is whole.

        See :class:`Store`.
        """
        fresh = not self.path.exists()
        target = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.partial") if fresh else self.path
        try:
            with self._errors():
                target.parent.mkdir(parents=True, exist_ok=True)
                connection = self._connect(target, "rwc" if fresh else "rw")
            with closing(connection):
                with self._errors():
                    self._begin(connection, gallery, fresh)
                # Closing without a commit rolls back.
                yield lambda rows: self._insert(connection, rows)
                with self._errors():
                    self._commit(connection)
            if fresh:
                self._publish(target)
        finally:
            if fresh:
                target.unlink(missing_ok=True)

    def _begin(self, connection: sqlite3.Connection, gallery: Gallery, fresh: bool) -> None:
        """Start a transaction in a fresh file, or in one that already holds ``gallery``."""
        if fresh:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            values = (gallery.id, gallery.bits, gallery.key_check)
            connection.execute("INSERT INTO gallery VALUES (?, ?, ?)", values)
            return
        self._check_schema(connection)
        # With a write-ahead log, readers go on while a long upload writes.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if self._gallery_of(connection) != gallery:
            raise StoreError(f"The store {self.path} holds another gallery: choose another address.")

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[SealedPicture]) -> None:
        with self._errors():
            (start,) = connection.execute("SELECT coalesce(max(position) + 1, 0) FROM code").fetchone()
            for position, row in enumerate(rows, start):
                connection.execute("INSERT INTO code VALUES (?, ?, ?)", (position, row.id, row.code))
                connection.execute("INSERT INTO sealed VALUES (?, ?, ?)", (position, row.record, row.sealed))

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("COMMIT")
        # Fold the log back, so that the store is one file again, unless someone is reading just now.
        connection.execute("PRAGMA busy_timeout = 0")
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = DELETE")

    def _publish(self, whole: Path) -> None:
        with self._errors():
            try:
                # A second name: renaming would overwrite a store that was made meanwhile.
                os.link(whole, self.path)
            except FileExistsError as error:
                raise StoreError(
                    f"The store {self.path} was made by someone else meanwhile: run again to add to it."
                ) from error
            except OSError:  # a file system that knows one name a file
                whole.replace(self.path)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            raise StoreError(f"There is no store at {self.path}: index a folder of pictures into it first.")
        with self._errors(), closing(self._connect(self.path, "rw")) as connection:
            connection.execute("PRAGMA query_only = ON")
            self._check_schema(connection)
            yield connection

    def _connect(self, path: Path, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # A file from elsewhere may hold anything: it must not run functions, nor stop us by broken text.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.text_factory = lambda text: text.decode(errors="replace")
        return connection

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StoreError(f"The file {self.path} is not a store of CXR Vault: choose another address.")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"The store {self.path} has version {version}, this program reads {SCHEMA_VERSION}: "
                "open it with the program that made it."
            )
        found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        if sorted(sql for (sql,) in found) != sorted(SCHEMA):
            raise self._damaged()

    def _gallery_of(self, connection: sqlite3.Connection) -> Gallery:
        rows = connection.execute("SELECT id, bits, key_check FROM gallery").fetchall()
        if len(rows) != 1:
            raise self._damaged()
        gallery = Gallery(*self._sound(rows[0], bytes, int, bytes))
        if not 8 <= gallery.bits <= MAX_BITS or gallery.bits % 8:
            raise self._damaged()
        return gallery

    def _row_of(self, connection: sqlite3.Connection, query: str, identity: str) -> tuple[Any, ...]:
        row = connection.execute(f"{query} WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise StoreError(f'The store {self.path} holds no picture "{identity}": search again.')
        return row

    def _sound(self, row: tuple[Any, ...], *types: type) -> tuple[Any, ...]:
        """Return ``row`` if its values have these types; a file from elsewhere can hold anything."""
        if tuple(type(value) for value in row) != types:
            raise self._damaged()
        return row

    def _damaged(self) -> StoreError:
        return StoreError(f"The store {self.path} is damaged or has been tampered with: restore a copy.")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in a sentence what SQLite or the file system says in theirs."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(f"The store {self.path} cannot be used ({error}): try again or move it.") from error
        except sqlite3.IntegrityError as error:
            raise StoreError(f"The store {self.path} already holds one of these ids: upload it once.") from error
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error):
                raise StoreError(
                    f"The file {self.path} is not a store of CXR Vault: choose another address."
                ) from error
            raise self._damaged() from error
        except OSError as error:
            raise StoreError(f"The store {self.path} cannot be used ({error.strerror}): move it.") from error
