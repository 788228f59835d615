"""A store in a PostgreSQL database, with sealed pictures in its rows or in an S3 bucket.

Any number of servers may share one: each follows the table from the last position it has seen. An upload waits in a
temporary table of its own connection and enters in one transaction; the pictures of an S3 bucket go up before under
random names, so that what fails leaves only objects that nothing names.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.retrieval.stores.base import (
    Append,
    Gallery,
    SealedRecord,
    Snapshot,
    State,
    Store,
    StoreError,
    check_code_length,
    id_bytes,
)
from engine.retrieval.stores.blobs import Blob, Blobs
from engine.retrieval.stores.postgresql_address import Address
from engine.retrieval.stores.postgresql_errors import sentence_of
from engine.retrieval.stores.postgresql_format import (
    FORMAT,
    SKETCH_BITS,
    copied_rows,
    create_statements,
    statements,
    value_of,
)
from engine.retrieval.stores.postgresql_upload import Upload

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_SECONDS = 10
MOST_CONNECTIONS = 8
# Without new statistics the planner scans the table for the few rows after a position.
MANY_ROWS = 1000


class PostgresStore(Store):
    """The store in one schema of a database, which the first append creates."""

    def __init__(self, address: Address) -> None:
        """Connect to the database.

        Args:
            address: see :meth:`Address.of`.

        Raises:
            StoreError: the database cannot be reached, what lies there is no store, or the extra is not installed.
        """
        try:
            import psycopg
            from psycopg_pool import ConnectionPool
        except ImportError as error:
            raise StoreError(
                "A store in PostgreSQL needs psycopg: install the extra (requirements-server.txt)."
            ) from error
        options: dict[str, Any] = {"autocommit": True, "connect_timeout": CONNECT_SECONDS}
        self._database_error, self._connect = psycopg.Error, partial(psycopg.connect, address.conninfo, **options)
        self._broken = psycopg.OperationalError
        self._watching = Lock()
        self._watch: Connection | None = None
        self._undefined = psycopg.errors.UndefinedTable
        self.address = address
        self._sql = statements(address.schema)
        self._blobs = Blobs.of(address.blobs, address.endpoint) if address.blobs else None
        with self._errors():
            self._connect().close()
        self._pool = ConnectionPool(
            address.conninfo,
            min_size=0,
            num_workers=1,
            max_size=MOST_CONNECTIONS,
            timeout=CONNECT_SECONDS,
            kwargs=options,
            check=ConnectionPool.check_connection,
            open=True,
        )
        self.gallery()

    @property
    def where(self) -> str:
        """The address without secrets; see :class:`Store`."""
        return f"{self.address.shown}?schema={self.address.schema}"

    @property
    def searches(self) -> bool:
        """Whether the database itself searches (``?search=sql``), so that a server holds no index."""
        return self.address.search == "sql"

    def gallery(self) -> Gallery | None:
        """The gallery held, or None where there is none yet; see :class:`Store`."""
        with self._connection() as connection:
            facts = self._facts(connection)
        return facts[0] if facts else None

    def state(self) -> State:
        """How the gallery stands; see :class:`Store`."""
        with self._connection() as connection:
            return self._held(connection)[1]

    def glance(self) -> tuple[Gallery, State]:
        """The gallery held and how it stands, in one statement; see :class:`Store`.

        A search waits for it, so it has a connection of its own: the pool asks each of its whether it still stands.
        """
        with self._watching, self._errors():
            try:
                return self._looked()
            except self._broken:
                # It broke since the last look, as when the database was started anew.
                self._watch = None
                return self._looked()

    def _looked(self) -> tuple[Gallery, State]:
        self._watch = watch = self._watch or self._connect()
        try:
            return self._read_facts(watch)
        except self._undefined:
            return self._held(watch)

    @contextmanager
    def following(self, after: int = -1) -> Iterator[Snapshot]:
        """Look at the rows after a position; see :class:`Store`."""
        with self._connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            gallery, state = self._held(connection)
            fresh = value_of(connection, self._sql["fresh"], after)
            if after < 0 and fresh != state.count:
                raise self._damaged()
            with connection.cursor() as cursor, cursor.copy(self._sql["copy_out"], (after,)) as copy:
                yield Snapshot(gallery, state, fresh, copied_rows(copy, gallery.bits // 8))
                # A reader that stops early leaves the rest of the stream behind.
                for _ in copy:
                    pass

    def nearest(
        self, code: npt.NDArray[np.uint8], k: int, most: int, sketch: npt.NDArray[np.uint8] | None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Have the database scan all codes; see ``Mirror.nearest``."""
        with self._connection() as connection:
            gallery, state = self._held(connection)
            check_code_length(code[None], gallery.bits)
            asked = None if sketch is None else sketch.tobytes()
            rows = connection.execute(
                self._sql["nearest"].format(bits=gallery.bits),
                {"code": code.tobytes(), "sketch": asked, "k": min(k, state.count), "most": max(k, most)},
            ).fetchall()
        ids = np.frombuffer(b"".join(row[0] for row in rows), np.uint8).reshape(len(rows), -1)
        return ids, np.array([row[1] for row in rows], np.int32)

    def records(self, ids: Sequence[str] | None = None) -> list[SealedRecord]:
        """Sealed records of ``ids``, or all by position; see :class:`Store`."""
        keys = None if ids is None else [id_bytes(identity) for identity in ids]
        with self._connection() as connection:
            self._held(connection)
            rows = connection.execute(self._sql["records"], {"ids": keys}).fetchall()
        records = [
            SealedRecord(id_.hex(), code, note, digest=digest or b"", sketch=sketch or b"")
            for id_, code, note, digest, sketch in rows
        ]
        found = {record.id: record for record in records}
        return records if ids is None else [self._one_of(found, identity) for identity in ids]

    def pictures(self, ids: Sequence[str]) -> list[bytes]:
        """Sealed pictures of ``ids``; see :class:`Store`."""
        with self._connection() as connection:
            self._held(connection)
            rows = connection.execute(self._sql["pictures"], ([id_bytes(one) for one in ids],)).fetchall()
        found = {id_.hex(): (picture, Blob(blob, sha256)) for id_, picture, blob, sha256 in rows}
        kept = [self._one_of(found, identity) for identity in ids]
        blobs = [blob for picture, blob in kept if picture is None]
        fetched = iter(self._bucket().get(blobs) if blobs else ())
        return [next(fetched) if picture is None else picture for picture, _ in kept]

    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of ``digests`` that a row has; see :class:`Store`."""
        with self._connection() as connection:
            self._held(connection)
            return {row[0] for row in connection.execute(self._sql["known"], (list(digests),))}

    @contextmanager
    def appending(self, gallery: Gallery) -> Iterator[Append]:
        """Append rows in one transaction at the end; see :class:`Store`."""
        with self._errors():
            connection = self._connect()
        with connection:
            with self._errors():
                created = self._claim(connection, gallery)
                held, state = self._held(connection)
                connection.execute(self._sql["waiting"])
            upload = Upload(connection, self._sql["copy_in"], self._blobs, self._errors, held)
            try:
                yield upload
                with self._errors():
                    known = self._take(connection, held, empty=state.count == 0)
            except BaseException:
                upload.undo()
                if created:
                    self._unclaim(held)
                raise
            upload.lost = [identity for identity, same in known.items() if not same]
            upload.undo(set(known))

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows, their blobs, and what the database kept of them; see :class:`Store`."""
        keys = [id_bytes(identity) for identity in dict.fromkeys(ids)]
        with self._connection() as connection:
            with connection.transaction():
                connection.execute(self._sql["lock"])
                self._held(connection)
                gone = {row[0].hex(): row[1] for row in connection.execute(self._sql["remove"], (keys,))}
                for identity in ids:
                    self._one_of(gone, identity)
                connection.execute(self._sql["shrink"], (len(gone),))
                blobs = self._deletable(blob for blob in gone.values() if blob)
            self._delete_blobs(blobs)
            connection.execute(self._sql["vacuum"])

    def successor(self) -> "PostgresStore":
        """The store in a schema beside this one; see :class:`Store`.

        Raises:
            StoreError: the tables lie in another database, of which the schemas here are not exchanged.
        """
        with self._connection() as connection:
            if value_of(connection, self._sql["foreign"]):
                raise StoreError(
                    f"The gallery {self.address.schema} of {self.address.shown} lies in another database: run this "
                    "with the address of that one."
                )
        return PostgresStore(self.address.beside())

    def succeed(self, epoch: int) -> None:
        """Exchange the schemas in one transaction; see :class:`Store`."""
        with self._connection() as connection:
            with connection.transaction():
                connection.execute(self._sql["lock"])
                if self._held(connection)[1].epoch != epoch:
                    raise StoreError(f"The store {self.address.shown} has changed meanwhile: run again.")
                blobs = self._deletable(row[0] for row in connection.execute(self._sql["blobs"]))
                connection.execute(statements(self.address.beside().schema)["grow"], (epoch + 1,))
                connection.execute(self._sql["drop"])
                connection.execute(self._sql["replace"])
            self._delete_blobs(blobs)

    def discard(self) -> None:
        """Drop the schema and delete its blobs."""
        with self._connection() as connection:
            if not self._facts(connection):
                return
            with connection.transaction():
                connection.execute(self._sql["lock"])
                blobs = self._deletable(row[0] for row in connection.execute(self._sql["blobs"]))
                connection.execute(self._sql["drop"])
            self._delete_blobs(blobs)

    def sweep(self) -> int:
        """Delete blobs of uploads that were killed; see :class:`Store`."""
        if not self._blobs:
            return 0
        named: set[str] = set()
        for address in (self.address, self.address.beside()):
            with self._connection() as connection:
                sql = statements(address.schema)
                if value_of(connection, sql["exists"]):
                    named |= {row[0] for row in connection.execute(sql["blobs"])}
        stray = [name for name in self._blobs.old() if name not in named]
        self._blobs.delete(stray)
        return len(stray)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        with self._watching:
            if self._watch is not None:
                self._watch.close()

    def _claim(self, connection: "Connection", gallery: Gallery) -> bool:
        """Make an empty store where there is none, and say whether that was done; the first of several wins."""
        with connection.transaction():
            connection.execute(self._sql["lock"])
            if self._facts(connection):
                return False
            for statement in create_statements(self.address.schema, gallery.bits):
                connection.execute(statement)
            connection.execute(self._sql["claim"], (FORMAT, gallery.id, gallery.bits, gallery.key_check))
        return True

    def _unclaim(self, gallery: Gallery) -> None:
        """Take an empty store away again, unless somebody has put a row into it."""
        with suppress(StoreError), self._connection() as connection, connection.transaction():
            connection.execute(self._sql["lock"])
            held, state = self._held(connection)
            if held == gallery and state.count == 0:
                connection.execute(self._sql["drop"])

    def _take(self, connection: "Connection", gallery: Gallery, empty: bool) -> dict[str, bool]:
        """Move the waiting rows into the store; names those that it has already, and whether under their own ids."""
        if empty:
            self._claim(connection, gallery)
        with connection.transaction():
            connection.execute(self._sql["lock"])
            if self._held(connection)[0] != gallery:
                raise StoreError(
                    f"The store {self.address.shown} was made by someone else meanwhile: run again to add to it."
                )
            known = {row[0].hex(): row[1] for row in connection.execute(self._sql["held"])}
            taken = connection.execute(self._sql["take"].format(bits=gallery.bits, sketch_bits=SKETCH_BITS)).rowcount
            connection.execute(self._sql["count"], {"taken": taken})
        if taken >= MANY_ROWS:
            connection.execute(self._sql["analyze"])
        return known

    def _facts(self, connection: "Connection") -> tuple[Gallery, State] | None:
        if not value_of(connection, self._sql["exists"]):
            return None
        return self._read_facts(connection)

    def _read_facts(self, connection: "Connection") -> tuple[Gallery, State]:
        rows = connection.execute(self._sql["gallery"]).fetchall()
        if len(rows) != 1:
            raise self._damaged()
        version, id_, bits, key_check, count, epoch = rows[0]
        if version != FORMAT:
            raise StoreError(
                f"The store {self.address.shown} has version {version}, this program reads {FORMAT}: "
                "open it with the program that made it."
            )
        return Gallery(id_, bits, key_check), State(count, epoch)

    def _held(self, connection: "Connection") -> tuple[Gallery, State]:
        facts = self._facts(connection)
        if facts is None:
            raise StoreError(f"There is no store at {self.address.shown}: index a folder of pictures into it first.")
        return facts

    def _one_of(self, found: dict[str, Any], identity: str) -> Any:
        if identity not in found:
            raise StoreError(f'The store {self.address.shown} holds no picture "{identity}": search again.')
        return found[identity]

    def _bucket(self) -> Blobs:
        if self._blobs is None:
            raise StoreError(
                f"The pictures of {self.address.shown} lie in a bucket: add ?blobs=s3://bucket/prefix to its address."
            )
        return self._blobs

    def _deletable(self, names: Iterable[str]) -> list[str]:
        """List blobs that go with rows, before the rows go, if there is a bucket to delete them from."""
        listed = list(names)
        if listed:
            self._bucket()
        return listed

    def _delete_blobs(self, names: Sequence[str]) -> None:
        if names:
            self._bucket().delete(names)

    def _damaged(self) -> StoreError:
        return StoreError(f"The store {self.address.shown} is damaged or has been tampered with: restore a copy.")

    @contextmanager
    def _connection(self) -> Iterator["Connection"]:
        with self._errors(), self._pool.connection() as connection:
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in a sentence what the database says in its own."""
        try:
            yield
        except self._database_error as error:
            raise StoreError(sentence_of(error, self.address)) from error
        except UnicodeError as error:
            raise StoreError(
                f"{self.address.shown} is no address of a database: correct the name of the host."
            ) from error
