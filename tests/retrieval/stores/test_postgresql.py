"""What is PostgreSQL's own: addresses, several servers, connections that break, blobs that are left behind."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from engine.retrieval import CloudServer, Gallery, StoreError, open_store
from engine.retrieval.stores import blobs
from engine.retrieval.stores.postgresql_address import Address
from tests.retrieval.stores.engines import GALLERY, append_all, append_and_fail, ids_of, make_rows, random_rows


def objects(address):
    """Names of all objects under the prefix of an address."""
    import boto3

    query = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
    bucket, _, prefix = query["blobs"].removeprefix("s3://").partition("/")
    answer = boto3.client("s3", endpoint_url=query["endpoint"]).list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {one["Key"] for one in answer.get("Contents", ())}


def test_an_address_is_taken_apart():
    address = Address.of(
        "postgresql://me:secret@db:5433/clinic?schema=north&blobs=s3://b/p&search=sql&sslmode=require&options=-c%20a%3Db"
    )
    assert address.conninfo == "postgresql://me:secret@db:5433/clinic?sslmode=require&options=-c%20a%3Db"
    assert (address.schema, address.blobs, address.search) == ("north", "s3://b/p", "sql")
    assert address.beside().schema == "north_next"
    assert "secret" not in repr(address) + address.shown + address.without_password("for secret: no")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://h/d?schema=a;drop",
        "postgresql://h/d?schema=",
        "postgresql://h/d?search=fast",
        "postgresql://h/d?blobs=file:///tmp",
        "postgresql://h:port/d",
    ],
)
def test_malformed_addresses_are_refused(uri):
    with pytest.raises(StoreError):
        Address.of(uri)


def test_a_server_that_is_not_there_is_a_sentence_without_the_password():
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="cannot be used") as refusal:
        open_store("postgresql://me:secret@127.0.0.1:1/clinic")
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_database_that_is_not_there_is_named_with_the_way_to_make_it(database):
    missing = f"{database.removesuffix('/postgres')}/clinic"
    port = urlsplit(database).port
    with pytest.raises(StoreError) as refusal:
        open_store(missing)
    assert str(refusal.value) == (
        f'There is no database "clinic" at postgresql://127.0.0.1:{port}/clinic: make it '
        f"(createdb -h 127.0.0.1 -p {port} clinic), or name another."
    )


def test_a_search_outlives_its_connection(postgresql_address):
    store = open_store(postgresql_address)
    append_all(store, make_rows(3))
    server = CloudServer(store)
    near = server.nearest(np.zeros(2, np.uint8), 2)
    with open_store(postgresql_address)._connection() as other:
        other.execute(KILL)
    assert server.nearest(np.zeros(2, np.uint8), 2) == near


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND pid != pg_backend_pid()"


def break_in_mid_append(store, address):
    with store.appending(GALLERY) as append:
        append(make_rows(1, start=2))
        with open_store(address)._connection() as other:
            other.execute(KILL)
        append(make_rows(1, start=3))


def test_a_lost_connection_is_a_sentence_and_the_next_call_works(postgresql_address):
    store = open_store(postgresql_address)
    append_all(store, make_rows(2))
    with pytest.raises(StoreError, match="cannot be used"):
        break_in_mid_append(store, postgresql_address)
    assert len(ids_of(store)) == 2
    append_all(store, make_rows(1, start=3))
    assert store.state().count == 3


def test_a_later_format_is_refused(postgresql_address):
    store = open_store(postgresql_address)
    append_all(store, make_rows(1))
    with store._connection() as connection:
        connection.execute(f"UPDATE {store.address.schema}.gallery SET format = 99")
    with pytest.raises(StoreError, match="has version 99, this program reads 2"):
        open_store(postgresql_address)


def test_a_lost_row_is_noticed(postgresql_address):
    store = open_store(postgresql_address)
    append_all(store, make_rows(3))
    with store._connection() as connection:
        connection.execute(f"DELETE FROM {store.address.schema}.item WHERE position = 1")
    with pytest.raises(StoreError, match="damaged or has been tampered with"):
        ids_of(store)


@pytest.mark.parametrize("sketched", [False, True])
def test_the_database_and_the_index_name_the_same_rows(postgresql_address, sketched):
    rng = np.random.default_rng(3)
    store, scanning = open_store(postgresql_address), open_store(f"{postgresql_address}&search=sql")
    rows = [
        type(row)(row.id, row.code, row.record, row.sealed, sketch=rng.bytes(24))
        for row in random_rows(rng.integers(0, 3, (300, 6), dtype=np.uint8))
    ]
    append_all(store, rows, Gallery(b"g" * 16, 48, b"k" * 32))
    memory, database = CloudServer(store), CloudServer(scanning)
    for _ in range(12):
        query = rng.integers(0, 3, 6, dtype=np.uint8)
        sketch = np.frombuffer(rng.bytes(24), np.uint8) if sketched else None
        for k, most in ((1, 1), (7, 7), (7, 1000), (500, 1000)):
            assert memory.nearest(query, k, most, sketch) == database.nearest(query, k, most, sketch)


def test_pictures_lie_in_the_bucket_and_nowhere_else(postgresql_s3_address):
    store = open_store(postgresql_s3_address)
    append_all(store, make_rows(3))
    assert len(objects(postgresql_s3_address)) == 3
    with store._connection() as connection:
        (inline,) = connection.execute(f"SELECT count(picture) FROM {store.address.schema}.item").fetchone()
    assert inline == 0
    with pytest.raises(StoreError, match="lie in a bucket"):
        open_store(postgresql_s3_address.split("&blobs")[0]).pictures([make_rows(1)[0].id])


def test_the_bucket_keeps_no_picture_that_no_row_names(postgresql_s3_address):
    store = open_store(postgresql_s3_address)
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(store, make_rows(3))
    assert objects(postgresql_s3_address) == set()
    append_all(store, make_rows(3))
    with store.appending(GALLERY) as slow:
        slow(make_rows(2, start=2))
        append_all(store, make_rows(1, start=3))
    assert len(objects(postgresql_s3_address)) == store.state().count == 4
    store.remove([make_rows(1)[0].id])
    assert len(objects(postgresql_s3_address)) == 3
    append_all(store.successor(), make_rows(1, start=8))
    store.succeed(store.state().epoch)
    assert len(objects(postgresql_s3_address)) == 1


def test_stray_objects_are_swept_after_a_day(postgresql_s3_address, monkeypatch):
    store = open_store(postgresql_s3_address)
    append_all(store, make_rows(2))
    store._bucket().put([b"of an upload that was killed"])
    assert store.sweep() == 0

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(days=1, minutes=1)

    monkeypatch.setattr(blobs, "datetime", Tomorrow)
    assert store.sweep() == 1
    assert store.pictures([row.id for row in make_rows(2)]) == [row.sealed for row in make_rows(2)]


def test_a_changed_or_missing_object_is_noticed(postgresql_s3_address):
    import boto3

    store = open_store(postgresql_s3_address)
    append_all(store, make_rows(2))
    client = boto3.client("s3", endpoint_url=store.address.endpoint)
    for name in objects(postgresql_s3_address):
        client.put_object(Bucket="vault", Key=name, Body=b"another picture")
    with pytest.raises(StoreError, match="was changed"):
        store.pictures([make_rows(1)[0].id])
    store._bucket().delete(list(objects(postgresql_s3_address)))
    with pytest.raises(StoreError, match="cannot be used"):
        store.pictures([row.id for row in make_rows(2)])
