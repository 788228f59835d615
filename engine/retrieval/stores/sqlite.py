"""A store in one SQLite file.

Every operation opens its own connection, so threads and processes may share a store. Codes live in a
table of their own, small enough to be read at once; the pictures beside them are read one by one.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TypeVar

from engine.retrieval.stores.base import (
    Append,
    Gallery,
    SealedPicture,
    SealedRecord,
    Snapshot,
    State,
    Store,
    StoreError,
    check_rows,
    id_bytes,
)
from engine.retrieval.stores.sqlite_format import (
    FORMAT,
    LOST,
    TAKE,
    WAITING,
    FormatError,
    Layout,
    TamperedError,
    create,
    layout_of,
)

BUSY_SECONDS = 30.0
CACHE_KIB = 65_536
# SQLite takes at least this many values in one statement.
MOST_VALUES = 500
# A first upload's empty store lies under a working name for a moment: older ones are of killed processes.
PARTIAL_SECONDS = 3600.0

_Kept = TypeVar("_Kept")
_Value = TypeVar("_Value")


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
            StoreError: what lies there is not a store of a version this program reads.
        """
        self.path = Path(path).absolute()
        self.gallery()

    @property
    def where(self) -> str:
        """The address without secrets; see :class:`Store`."""
        # Not resolve(), which fails at a link that leads to itself.
        return f"sqlite:///{os.path.realpath(self.path)}"

    @property
    def outdated(self) -> bool:
        """Whether the file has an earlier format; see :class:`Store`."""
        if not self.path.exists():
            return False
        with self._reading() as (_, layout):
            return layout.version != FORMAT

    def gallery(self) -> Gallery | None:
        """The gallery held, or None where there is no file yet; see :class:`Store`."""
        if not self.path.exists():
            return None
        with self._reading() as (connection, layout):
            return layout.gallery(connection)

    def state(self) -> State:
        """How the gallery stands; see :class:`Store`."""
        with self._reading() as (connection, layout):
            return layout.state(connection)

    def glance(self) -> tuple[Gallery, State]:
        """The gallery held and how it stands; see :class:`Store`."""
        with self._reading() as (connection, layout):
            return layout.gallery(connection), layout.state(connection)

    @contextmanager
    def following(self, after: int = -1) -> Iterator[Snapshot]:
        """Look at the rows after a position; see :class:`Store`."""
        with self._reading() as (connection, layout):
            connection.execute("BEGIN")
            gallery, state = layout.gallery(connection), layout.state(connection)
            query = "SELECT count(*) FROM code WHERE position > ?"
            (fresh,) = connection.execute(query, (after,)).fetchone()
            if after < 0 and fresh != state.count:
                raise TamperedError
            yield Snapshot(gallery, state, fresh, layout.rows(connection, after, gallery.bits // 8))

    def records(self, ids: Sequence[str] | None = None) -> list[SealedRecord]:
        """Sealed records of ``ids``, or all by position; see :class:`Store`."""
        with self._reading() as (connection, layout):
            if ids is None:
                return list(layout.records(connection, "ORDER BY position"))
            found: dict[str, SealedRecord] = {}
            for some in _batches([layout.key(identity) for identity in ids]):
                rows = layout.records(connection, f"WHERE id IN ({_marks(some)})", some)
                found |= {row.id: row for row in rows}
        return [self._one_of(found, identity) for identity in ids]

    def pictures(self, ids: Sequence[str]) -> list[bytes]:
        """Sealed pictures of ``ids``; see :class:`Store`."""
        with self._reading() as (connection, layout):
            found: dict[str, bytes] = {}
            for some in _batches([layout.key(identity) for identity in ids]):
                found |= layout.pictures(connection, f"WHERE id IN ({_marks(some)})", some)
        return [self._one_of(found, identity) for identity in ids]

    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of ``digests`` that a row has; see :class:`Store`."""
        with self._reading() as (connection, layout):
            if layout.version != FORMAT:
                return set()
            return {
                digest
                for some in _batches(digests)
                for (digest,) in connection.execute(f"SELECT digest FROM code WHERE digest IN ({_marks(some)})", some)
            }

    @contextmanager
    def appending(self, gallery: Gallery) -> Iterator[Append]:
        """Append rows in one transaction; see :class:`Store`.

        They wait in a temporary database, which goes with its connection, however the process ends.
        """
        created = self._claim(gallery)
        held, empty = self._held()
        try:
            with self._errors():
                waiting = _open("")
                waiting.execute(WAITING)
            with closing(waiting):
                upload = _Upload(self, waiting, held)
                yield upload
                with self._errors():
                    upload.lost = self._take(waiting, held, empty)
        except BaseException:
            if created:
                self._unclaim(held)
            raise

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows and overwrite what they took in the file; see :class:`Store`."""
        keys = [id_bytes(identity) for identity in dict.fromkeys(ids)]
        self.records(list(ids))
        with self._writing() as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            gone = 0
            for some in _batches(keys):
                where = f"WHERE id IN ({_marks(some)})"
                connection.execute(f"DELETE FROM sealed WHERE position IN (SELECT position FROM code {where})", some)
                gone += connection.execute(f"DELETE FROM code {where}", some).rowcount
            if gone != len(keys):
                raise StoreError(f"The store {self.path} has changed meanwhile: run again.")
            connection.execute("UPDATE gallery SET count = count - ?, epoch = epoch + 1", (gone,))
            connection.execute("COMMIT")

    def successor(self) -> "SqliteStore":
        """The store in a hidden file beside this one; see :class:`Store`."""
        return SqliteStore(self.path.with_name(f".{self.path.name}.next"))

    def succeed(self, epoch: int) -> None:
        """Rename the successor over this file while nobody writes; see :class:`Store`."""
        after = self.successor()
        with self._reading() as (connection, layout):
            connection.execute("PRAGMA query_only = OFF")
            connection.execute("BEGIN EXCLUSIVE")
            if layout.state(connection).epoch != epoch:
                raise StoreError(f"The store {self.path} has changed meanwhile: run again.")
            with after._writing() as other:
                other.execute("UPDATE gallery SET epoch = max(epoch, ?)", (epoch + 1,))
            after.path.replace(self.path)

    def discard(self) -> None:
        """Delete the file."""
        with self._errors():
            self.path.unlink(missing_ok=True)

    def _claim(self, gallery: Gallery) -> bool:
        """Put an empty store where there is none, and say whether that was done; the first of several wins."""
        self._sweep()
        if self.path.exists():
            return False
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.partial")
        try:
            with self._errors():
                partial.parent.mkdir(parents=True, exist_ok=True)
                with closing(_open(partial.as_uri(), "rwc")) as connection:
                    create(connection, gallery)
                return _link(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)

    def _unclaim(self, gallery: Gallery) -> None:
        """Take an empty store away again, unless somebody has put a row into it."""
        with suppress(StoreError, sqlite3.Error, OSError), self._writing() as connection:
            connection.execute("BEGIN EXCLUSIVE")
            layout = layout_of(connection)
            if layout.gallery(connection) == gallery and layout.state(connection).count == 0:
                self.path.unlink()

    def _sweep(self) -> None:
        """Delete what killed first uploads left."""
        for stray in self.path.parent.glob(f".{self.path.name}.*.partial*"):
            with suppress(OSError):
                if time.time() - stray.stat().st_mtime > PARTIAL_SECONDS:
                    stray.unlink()

    def _held(self) -> tuple[Gallery, bool]:
        """The gallery held, and whether it is empty."""
        with self._reading() as (connection, layout):
            if layout.version != FORMAT:
                raise StoreError(f"The store {self.path} has an earlier format: its owner brings it up to date first.")
            return layout.gallery(connection), layout.state(connection).count == 0

    def _take(self, waiting: sqlite3.Connection, gallery: Gallery, empty: bool) -> list[str]:
        """Move the waiting rows into the store in one short transaction, and name those that it has already."""
        if empty:
            self._claim(gallery)
        before = self._inode()
        waiting.execute("ATTACH ? AS store", (f"{self.path.as_uri()}?mode=rw",))
        waiting.execute(f"PRAGMA store.cache_size = -{CACHE_KIB}")
        waiting.execute("BEGIN IMMEDIATE")
        layout = layout_of(waiting, "store")
        if layout.gallery(waiting, "store") != gallery:
            raise StoreError(f"The store {self.path} was made by someone else meanwhile: run again to add to it.")
        lost = [identity.hex() for (identity,) in waiting.execute(LOST)]
        for statement in TAKE:
            waiting.execute(statement)
        (count,) = waiting.execute("SELECT count(*) FROM waiting").fetchone()
        waiting.execute(
            "UPDATE store.gallery SET count = count + ?1, epoch = epoch + (?1 > 0), next = next + ?1", (count,)
        )
        waiting.execute("COMMIT")
        if before is None or self._inode() != before:
            raise StoreError(f"The store {self.path} was deleted or replaced while pictures were added: run again.")
        return lost

    def _inode(self) -> int | None:
        return self.path.stat().st_ino if self.path.exists() else None

    @contextmanager
    def _reading(self) -> Iterator[tuple[sqlite3.Connection, Layout]]:
        if not self.path.exists():
            raise StoreError(f"There is no store at {self.path}: index a folder of pictures into it first.")
        with self._errors(), closing(_open(self.path.as_uri(), "rw")) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection, layout_of(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), closing(_open(self.path.as_uri(), "rw")) as connection:
            if layout_of(connection).version != FORMAT:
                raise StoreError(f"The store {self.path} has an earlier format: its owner brings it up to date first.")
            yield connection

    def _one_of(self, found: dict[str, _Kept], identity: str) -> _Kept:
        if identity not in found:
            raise StoreError(f'The store {self.path} holds no picture "{identity}": search again.')
        return found[identity]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in a sentence what SQLite or the file system says in theirs."""
        try:
            yield
        except FormatError as error:
            raise StoreError(str(error).format(path=self.path)) from error
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StoreError(
                    f"The disk of the store {self.path}, or the one of temporary files (TMPDIR), is full: make room, "
                    "then run again to go on."
                ) from error
            raise StoreError(f"The store {self.path} cannot be used ({error}): try again or move it.") from error
        except sqlite3.IntegrityError as error:
            raise StoreError(f"The store {self.path} already holds one of these ids: upload it once.") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # The latter where a damaged file has text that is none.
            if "not a database" in str(error):
                raise StoreError(
                    f"The file {self.path} is not a store of CXR Vault: choose another address."
                ) from error
            raise StoreError(str(TamperedError()).format(path=self.path)) from error
        except OSError as error:
            raise StoreError(f"The store {self.path} cannot be used ({error.strerror}): move it.") from error


class _Upload:
    """Rows on their way into a file; see :class:`Append`."""

    def __init__(self, store: SqliteStore, waiting: sqlite3.Connection, gallery: Gallery) -> None:
        self._store = store
        self._waiting = waiting
        self.gallery = gallery
        self.lost: Sequence[str] = ()

    def __call__(self, rows: Sequence[SealedPicture]) -> None:
        check_rows(rows, self.gallery)
        values = [(id_bytes(r.id), r.digest or None, r.code, r.sketch, r.record, r.sealed) for r in rows]
        with self._store._errors():
            self._waiting.executemany("INSERT INTO waiting VALUES (NULL, ?, ?, ?, ?, ?, ?)", values)


def _open(uri: str, mode: str = "rw") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{uri}?mode={mode}" if uri else "",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    # A file from elsewhere may hold anything: it must not run functions, nor stop us by broken text.
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.text_factory = lambda text: text.decode(errors="replace")
    return connection


def _link(whole: Path, target: Path) -> bool:
    """Give a file its name unless another has it, and say whether that was done."""
    try:
        # A second name: renaming would overwrite a store that was made meanwhile.
        os.link(whole, target)
    except FileExistsError:
        return False
    except OSError:  # a file system that knows one name a file
        whole.replace(target)
    return True


def _batches(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    for start in range(0, len(values), MOST_VALUES):
        yield values[start : start + MOST_VALUES]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
