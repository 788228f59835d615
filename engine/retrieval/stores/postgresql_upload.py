"""Rows on their way into a PostgreSQL database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from engine.retrieval.stores.base import Gallery, SealedPicture, StoreError, check_rows, id_bytes
from engine.retrieval.stores.blobs import Blobs

if TYPE_CHECKING:
    from psycopg import Connection

Errors = Callable[[], AbstractContextManager[None]]


class Upload:
    """Rows on their way into a database; see :class:`engine.retrieval.stores.Append`.

    They wait in a temporary table of the connection; their pictures go to the bucket at once, if there is one.
    """

    def __init__(self, connection: "Connection", copy_in: str, blobs: Blobs | None, errors: Errors, gallery: Gallery):
        """Begin an upload.

        Args:
            connection: with the table.
            copy_in: the statement that fills it.
            blobs: where pictures go; into the rows if None.
            errors: a context that says in a sentence what the database says in its own.
            gallery: the rows are sealed for it.
        """
        self._connection, self._copy_in, self._blobs, self._errors = connection, copy_in, blobs, errors
        self._sent: dict[str, str] = {}
        self.gallery = gallery
        self.lost: Sequence[str] = ()

    def __call__(self, rows: Sequence[SealedPicture]) -> None:
        """Take rows in; see :class:`engine.retrieval.stores.Append`."""
        check_rows(rows, self.gallery)
        blobs = self._put(rows)
        with (
            self._errors(),
            self._connection.cursor() as cursor,
            cursor.copy(self._copy_in.encode()) as copy,
        ):
            copy.set_types(["bytea", "bytea", "bytea", "bytea", "bytea", "bytea", "text", "bytea"])
            for row, (name, sha256) in zip(rows, blobs, strict=True):
                inline = row.sealed if name is None else None
                values = (id_bytes(row.id), row.digest or None, row.code, row.sketch or None, row.record)
                copy.write_row((*values, inline, name, sha256))

    def _put(self, rows: Sequence[SealedPicture]) -> list[tuple[str | None, bytes | None]]:
        if self._blobs is None:
            return [(None, None)] * len(rows)
        blobs = self._blobs.put([row.sealed for row in rows])
        self._sent |= {row.id: blob.name for row, blob in zip(rows, blobs, strict=True)}
        return [(blob.name, blob.sha256) for blob in blobs]

    def undo(self, ids: set[str] | None = None) -> None:
        """Delete the blobs of rows that were not stored: of ``ids``, or of all."""
        names = [name for id_, name in self._sent.items() if ids is None or id_ in ids]
        with suppress(StoreError):
            if self._blobs and names:
                self._blobs.delete(names)
