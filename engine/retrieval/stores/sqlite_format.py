"""The formats of the SQLite file: the present one, which is written, and earlier ones, which are read for ever."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.retrieval.stores.base import (
    ID_BYTES,
    MAX_BITS,
    Gallery,
    IndexRows,
    SealedRecord,
    State,
    gathered,
    id_bytes,
)

APPLICATION_ID = 0x43585256  # "CXRV"
FORMAT = 2
PAGE_BYTES = 2048
# Half a kilobyte of Python objects each until they are put into arrays.
READ_ROWS = 2000
SCHEMAS = {
    1: (
        "CREATE TABLE gallery (id BLOB NOT NULL, bits INTEGER NOT NULL, key_check BLOB NOT NULL)",
        "CREATE TABLE code (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, code BLOB NOT NULL)",
        "CREATE TABLE sealed (position INTEGER PRIMARY KEY, record BLOB NOT NULL, picture BLOB NOT NULL)",
    ),
    # Digests are unique but for NULL; `next` is the position of the row to come, so that none is given twice.
    2: (
        "CREATE TABLE gallery (id BLOB NOT NULL, bits INTEGER NOT NULL, key_check BLOB NOT NULL, "
        "count INTEGER NOT NULL, epoch INTEGER NOT NULL, next INTEGER NOT NULL)",
        "CREATE TABLE code (position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, digest BLOB UNIQUE, "
        "code BLOB NOT NULL, sketch BLOB NOT NULL)",
        "CREATE TABLE sealed (position INTEGER PRIMARY KEY, record BLOB NOT NULL, picture BLOB NOT NULL)",
    ),
}
WAITING = (
    "CREATE TABLE waiting (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, digest BLOB UNIQUE, "
    "code BLOB NOT NULL, sketch BLOB NOT NULL, record BLOB NOT NULL, picture BLOB NOT NULL)"
)
# Rows whose digest came meanwhile are duplicates; the others take the positions that follow. A row that is there with
# its very id was stored by the same upload, whose sender did not hear of it: it is not lost.
LOST = (
    "SELECT id FROM waiting WHERE EXISTS "
    "(SELECT 1 FROM store.code WHERE store.code.digest = waiting.digest AND store.code.id != waiting.id)"
)
TAKE = (
    "DELETE FROM waiting WHERE EXISTS (SELECT 1 FROM store.code WHERE store.code.digest = waiting.digest)",
    "CREATE TEMP TABLE place AS SELECT number, row_number() OVER (ORDER BY number) - 1 + store.gallery.next "
    "AS position FROM waiting, store.gallery",
    "INSERT INTO store.code SELECT position, id, digest, code, sketch FROM temp.place JOIN waiting USING (number) "
    "ORDER BY number",
    "INSERT INTO store.sealed SELECT position, record, picture FROM temp.place JOIN waiting USING (number) "
    "ORDER BY number",
)
# A file from elsewhere can hold anything: values of these types, or it is damaged.
_GALLERY = {1: "id, bits, key_check", 2: "id, bits, key_check, count, epoch, next"}
_CODE = {1: "position, id, x'', code, x''", 2: "position, id, coalesce(digest, x''), code, sketch"}


class FormatError(Exception):
    """A file that cannot be read; the message has a place for its path."""


class TamperedError(FormatError):
    """A file that is no sound store."""

    def __init__(self) -> None:
        super().__init__("The store {path} is damaged or has been tampered with: restore a copy.")


@dataclass(frozen=True)
class Layout:
    """How rows are read from a file of one format.

    Attributes:
        version: the format.
    """

    version: int

    def gallery(self, connection: sqlite3.Connection, schema: str = "main") -> Gallery:
        """The gallery held."""
        return Gallery(*self._facts(connection, schema)[:3])

    def state(self, connection: sqlite3.Connection) -> State:
        """How the gallery stands; the first format has no counters, and only grew."""
        if self.version == 1:
            (count,) = connection.execute("SELECT coalesce(max(position) + 1, 0) FROM code").fetchone()
            return State(count, count)
        return State(*self._facts(connection, "main")[3:5])

    def rows(self, connection: sqlite3.Connection, after: int, width: int) -> Iterator[IndexRows]:
        """What an index needs of the rows after a position, with codes of ``width`` bytes."""
        query = f"SELECT {_CODE[self.version]} FROM code WHERE position > ? ORDER BY position"
        cursor = connection.execute(query, (after,))
        while some := cursor.fetchmany(READ_ROWS):
            sound = [self._code(row) for row in some]
            if any(len(code) != width for _, _, _, code, _ in sound):
                raise TamperedError
            yield gathered([(position, id_, code, sketch) for position, id_, _, code, sketch in sound], width)

    def records(self, connection: sqlite3.Connection, where: str, values: Sequence[Any] = ()) -> Iterator[SealedRecord]:
        """Sealed records of some rows."""
        query = f"SELECT {_CODE[self.version]}, record FROM code JOIN sealed USING (position) {where}"
        for *row, record in connection.execute(query, values):
            _, identity, digest, code, sketch = self._code(tuple(row))
            (record,) = _sound((record,), bytes)
            yield SealedRecord(identity.hex(), code, record, digest=digest, sketch=sketch)

    def pictures(self, connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> dict[str, bytes]:
        """Sealed pictures of some rows by id."""
        query = f"SELECT id, picture FROM code JOIN sealed USING (position) {where}"
        return {
            self._id(identity).hex(): _sound((sealed,), bytes)[0]
            for identity, sealed in connection.execute(query, values)
        }

    def key(self, identity: str) -> Any:
        """An id as the file has it."""
        return id_bytes(identity) if self.version > 1 else id_bytes(identity).hex()

    def _facts(self, connection: sqlite3.Connection, schema: str) -> tuple[Any, ...]:
        rows = connection.execute(f"SELECT {_GALLERY[self.version]} FROM {schema}.gallery").fetchall()
        if len(rows) != 1:
            raise TamperedError
        facts = _sound(rows[0], *((bytes, int, bytes, int, int, int)[: len(rows[0])]))
        if not 8 <= facts[1] <= MAX_BITS or facts[1] % 8:
            raise TamperedError
        return facts

    def _code(self, row: tuple[Any, ...]) -> tuple[int, bytes, bytes, bytes, bytes]:
        position, identity, digest, code, sketch = row
        return _sound((position, self._id(identity), digest, code, sketch), int, bytes, bytes, bytes, bytes)

    def _id(self, value: Any) -> bytes:
        try:
            identity = bytes.fromhex(value) if self.version == 1 else value
        except (TypeError, ValueError) as error:
            raise TamperedError from error
        if not isinstance(identity, bytes) or len(identity) != ID_BYTES:
            raise TamperedError
        return identity


def create(connection: sqlite3.Connection, gallery: Gallery) -> None:
    """Make an empty store of the present format in an empty file."""
    # What is left of a row in its first page is mostly lost: with SQLite's own 4096 bytes that is 1 % more of a small
    # JPEG; with 1024 two notes of the usual size no longer share a page.
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMAS[FORMAT]:
        connection.execute(statement)
    values = (gallery.id, gallery.bits, gallery.key_check)
    connection.execute("INSERT INTO gallery VALUES (?, ?, ?, 0, 0, 0)", values)
    connection.execute("COMMIT")


def layout_of(connection: sqlite3.Connection, schema: str = "main") -> Layout:
    """Tell how to read a file.

    Raises:
        FormatError: It is not a store, of a later format, or has been tampered with.
    """
    (application,) = connection.execute(f"PRAGMA {schema}.application_id").fetchone()
    (version,) = connection.execute(f"PRAGMA {schema}.user_version").fetchone()
    if application != APPLICATION_ID:
        raise FormatError("The file {path} is not a store of CXR Vault: choose another address.")
    if version not in SCHEMAS:
        raise FormatError(
            f"The store {{path}} has version {version}, this program reads up to {FORMAT}: "
            "open it with the program that made it."
        )
    found = connection.execute(f"SELECT sql FROM {schema}.sqlite_schema WHERE sql IS NOT NULL").fetchall()
    if sorted(sql for (sql,) in found) != sorted(SCHEMAS[version]):
        raise TamperedError
    return Layout(version)


def _sound(row: tuple[Any, ...], *types: type) -> tuple[Any, ...]:
    """Return ``row`` if its values have these types."""
    if tuple(type(value) for value in row) != types:
        raise TamperedError
    return row
