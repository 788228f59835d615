"""The tables of a store in PostgreSQL, the statements on them, and the binary form in which rows are read."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.retrieval.stores.base import CHUNK_ROWS, ID_BYTES, SKETCH_BYTES, IndexRows

if TYPE_CHECKING:
    from psycopg import Connection

FORMAT = 2
SKETCH_BITS = 8 * SKETCH_BYTES
# PostgreSQL's binary COPY: a signature, flags and an extension; at the end a count of fields of -1.
_HEADER_BYTES, _TRAILER_BYTES = 19, 2
# The binary form of a bit string begins with its length.
_LENGTH_BYTES = 4


def create_statements(schema: str, bits: int) -> list[str]:
    """What makes the tables for codes of so many bits."""
    return [
        f'CREATE SCHEMA IF NOT EXISTS "{schema}"',
        f'CREATE TABLE "{schema}".gallery (format integer NOT NULL, id bytea NOT NULL, bits integer NOT NULL, '
        "key_check bytea NOT NULL, count bigint NOT NULL, epoch bigint NOT NULL, next bigint NOT NULL)",
        f'CREATE TABLE "{schema}".item (position bigint PRIMARY KEY, id bytea NOT NULL UNIQUE, digest bytea UNIQUE, '
        f"code bit({bits}) NOT NULL, sketch bit({SKETCH_BITS}), record bytea NOT NULL, "
        "picture bytea, blob text, blob_sha256 bytea)",
        # Sealed pictures cannot be compressed: do not try.
        f'ALTER TABLE "{schema}".item ALTER picture SET STORAGE EXTERNAL',
    ]


def statements(schema: str) -> dict[str, str]:
    """The statements on one schema, by name; those with ``{bits}`` are formatted with the gallery's code length."""
    # A name such as "user" is a word of SQL.
    item, gallery = f'"{schema}".item', f'"{schema}".gallery'
    code, sketch = (
        f"substring(bit_send(code) FROM {_LENGTH_BYTES + 1})",
        f"substring(bit_send(sketch) FROM {_LENGTH_BYTES + 1})",
    )
    return {
        # Between servers and owners of one schema and its successor.
        "lock": f"SELECT pg_advisory_xact_lock(hashtextextended('{schema.removesuffix('_next')}', 0))",
        "exists": f"SELECT to_regclass('{gallery}') IS NOT NULL",
        "foreign": "SELECT EXISTS (SELECT 1 FROM information_schema.foreign_tables "
        f"WHERE foreign_table_schema = '{schema}')",
        "gallery": f"SELECT format, id, bits, key_check, count, epoch FROM {gallery}",
        "claim": f"INSERT INTO {gallery} VALUES (%s, %s, %s, %s, 0, 0, 0)",
        "fresh": f"SELECT count(*) FROM {item} WHERE position > %s",
        "copy_out": f"COPY (SELECT position, id, bit_send(code), bit_send(coalesce(sketch, 0::bit({SKETCH_BITS}))) "
        f"FROM {item} WHERE position > %s ORDER BY position) TO STDOUT (FORMAT BINARY)",
        "records": f"SELECT id, {code}, record, digest, {sketch} FROM {item} "
        "WHERE %(ids)s::bytea[] IS NULL OR id = ANY(%(ids)s) ORDER BY position",
        "pictures": f"SELECT id, picture, blob, blob_sha256 FROM {item} WHERE id = ANY(%s)",
        "known": f"SELECT digest FROM {item} WHERE digest = ANY(%s)",
        "waiting": "CREATE TEMP TABLE waiting (number bigserial, id bytea UNIQUE, digest bytea UNIQUE, code bytea, "
        "sketch bytea, record bytea, picture bytea, blob text, blob_sha256 bytea)",
        "copy_in": "COPY waiting (id, digest, code, sketch, record, picture, blob, blob_sha256) "
        "FROM STDIN (FORMAT BINARY)",
        # A row that is there with its very id was stored by the same upload, whose sender did not hear of it.
        "held": f"SELECT waiting.id, held.id = waiting.id FROM waiting JOIN {item} AS held USING (digest)",
        "take": f"INSERT INTO {item} SELECT row_number() OVER (ORDER BY number) - 1 + (SELECT next FROM {gallery}), "
        "id, digest, ('x' || encode(code, 'hex'))::bit({bits}), ('x' || encode(sketch, 'hex'))::bit({sketch_bits}), "
        "record, picture, blob, blob_sha256 FROM waiting WHERE NOT EXISTS "
        f"(SELECT 1 FROM {item} AS held WHERE held.digest = waiting.digest)",
        "count": f"UPDATE {gallery} SET count = count + %(taken)s, next = next + %(taken)s, "
        "epoch = epoch + (%(taken)s > 0)::integer",
        "remove": f"DELETE FROM {item} WHERE id = ANY(%s) RETURNING id, blob",
        "shrink": f"UPDATE {gallery} SET count = count - %s, epoch = epoch + 1",
        "vacuum": f"VACUUM {item}",
        "analyze": f"ANALYZE {item}",
        "blobs": f"SELECT blob FROM {item} WHERE blob IS NOT NULL",
        "grow": f"UPDATE {gallery} SET epoch = greatest(epoch, %s)",
        "drop": f'DROP SCHEMA "{schema}" CASCADE',
        "replace": f'ALTER SCHEMA "{schema}_next" RENAME TO "{schema}"',
        "nearest": _nearest(item),
    }


def _nearest(item: str) -> str:
    """All rows as near as the k-th, by distance, sketch and position: an exact scan, twice."""
    asked = "('x' || encode(%(code)s::bytea, 'hex'))::bit({bits})"
    sketch = f"('x' || encode(%(sketch)s::bytea, 'hex'))::bit({SKETCH_BITS})"
    return (
        f"WITH near AS MATERIALIZED (SELECT id, position, bit_count(code # {asked}) AS distance, "
        f"coalesce(bit_count(coalesce(sketch, 0::bit({SKETCH_BITS})) # {sketch}), 0) AS apart FROM {item}), "
        "reach AS (SELECT distance FROM near ORDER BY distance OFFSET greatest(%(k)s::bigint - 1, 0) LIMIT 1) "
        "SELECT id, distance FROM near WHERE distance <= (SELECT distance FROM reach) "
        "ORDER BY distance, apart, position LIMIT %(most)s"
    )


def copied_rows(copy: Iterable[bytes | bytearray | memoryview], width: int) -> Iterator[IndexRows]:
    """Read the rows of ``copy_out`` with codes of ``width`` bytes, without making an object of each."""
    form = np.dtype(
        [
            ("fields", ">i2"),
            ("position_length", ">i4"),
            ("position", ">i8"),
            ("id_length", ">i4"),
            ("id", np.uint8, (ID_BYTES,)),
            ("code_length", ">i4"),
            ("code_bits", ">i4"),
            ("code", np.uint8, (width,)),
            ("sketch_length", ">i4"),
            ("sketch_bits", ">i4"),
            ("sketch", np.uint8, (SKETCH_BYTES,)),
        ]
    )
    waiting, skipped = bytearray(), 0
    for data in copy:
        waiting += data
        if skipped == 0 and len(waiting) >= _HEADER_BYTES:
            skipped = _HEADER_BYTES
            del waiting[:_HEADER_BYTES]
        if skipped and len(waiting) >= CHUNK_ROWS * form.itemsize:
            yield _rows(waiting, form)
            del waiting[: len(waiting) // form.itemsize * form.itemsize]
    if len(waiting) > _TRAILER_BYTES:
        yield _rows(waiting, form)


def _rows(data: bytearray, form: np.dtype) -> IndexRows:
    rows = np.frombuffer(bytes(data[: len(data) // form.itemsize * form.itemsize]), form)
    ids, codes, sketches = (np.ascontiguousarray(rows[name]) for name in ("id", "code", "sketch"))
    return IndexRows(ids, codes, sketches, int(rows["position"][-1]))


def value_of(connection: "Connection", statement: str, *values: Any) -> Any:
    """The one value of a statement's one row."""
    row = connection.execute(statement.encode(), values).fetchone()
    return row[0] if row else None
