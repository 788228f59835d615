"""Stores, receipts and buckets where a disk is full: a sentence, nothing half-written, and more room to go on."""

import os
import shutil
from contextlib import suppress
from urllib.parse import quote

import pytest

from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner, Receipt, SealedPicture, StoreError, open_store
from engine.retrieval.audit import audit
from engine.retrieval.parts import upload_in_parts
from engine.retrieval.stores.blobs import Blobs
from tests.retrieval.conftest import BlockHasher, make_pictures
from tests.retrieval.stores.engines import append_all, ids_of, make_rows
from tests.retrieval.stores.test_postgresql import objects
from tests.services import small_disk

COUNT, PART, SMALL, LARGE = 40, 8, 96, 4096


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", SMALL) as resize:
        yield tmp_path / "disk", resize


def large_rows(count, start=0):
    return [SealedPicture(r.id, r.code, r.record, os.urandom(8000), digest=r.digest) for r in make_rows(count, start)]


def test_a_store_file_keeps_what_was_there_and_goes_on(disk, tmp_path):
    folder, resize = disk
    path, key = folder / "vault.db", generate_key()
    receipt = Receipt(tmp_path / "receipt", str(path))
    owner = DataOwner(key, CloudServer(path), BlockHasher(), cipher=AesGcmCipher, receipt=receipt)
    steps = upload_in_parts(owner, make_pictures(COUNT), part=PART)
    with pytest.raises(StoreError, match=r"The disk of the store .* is full: make room, then run again to go on\.$"):
        list(steps)
    held = len(CloudServer(path))
    assert 0 < held < COUNT
    assert held % PART == 0
    assert len(owner.records()) == held == owner.vouch().count
    assert [file.name for file in folder.iterdir()] == ["vault.db"]
    resize(LARGE)
    *_, step = upload_in_parts(owner, make_pictures(COUNT), part=PART)
    assert step.added == COUNT - held
    assert sorted(one.name for one in owner.records().values()) == sorted(one.name for one in make_pictures(COUNT))
    assert owner.vouch().count == COUNT


def test_a_first_upload_leaves_no_file(disk):
    folder, resize = disk
    (folder / "other").write_bytes(bytes(SMALL * 1024 - 8192))
    with pytest.raises(StoreError, match="is full"):
        append_all(open_store(folder / "vault.db"), large_rows(3))
    assert [file.name for file in folder.iterdir()] == ["other"]
    resize(LARGE)
    append_all(open_store(folder / "vault.db"), large_rows(3))
    assert open_store(folder / "vault.db").state().count == 3


def test_no_receipt_is_half_written(disk):
    folder, resize = disk
    server = CloudServer(folder.parent / "vault.db")
    owner = DataOwner(generate_key(), server, BlockHasher(), receipt=Receipt(folder / "receipt"))
    list(owner.upload(make_pictures(5)))
    fill(folder / "other")
    steps = owner.upload(make_pictures(COUNT))
    with pytest.raises(StoreError, match=r"The disk of the receipt .* is full: make room"):
        list(steps)
    assert len(server) == owner.vouch().count == 5
    resize(LARGE)
    list(owner.upload(make_pictures(COUNT)))
    assert owner.vouch().count == COUNT == len(owner.records())


def test_rows_that_were_stored_when_the_receipt_could_not_be_written_are_taken_down_later(tmp_path, monkeypatch):
    server = CloudServer(tmp_path / "vault.db")
    owner = DataOwner(generate_key(), server, BlockHasher(), receipt=Receipt(tmp_path / "receipt"))

    def full(*_):
        raise StoreError("The receipt cannot be used (database or disk is full).")

    with monkeypatch.context() as patch:
        patch.setattr(Receipt, "confirm", full)
        steps = owner.upload(make_pictures(3))
        with pytest.raises(StoreError, match="full"):
            list(steps)
    assert (len(server), owner.vouch().count) == (3, 0)
    list(owner.upload(make_pictures(3)))
    assert owner.vouch().count == 3
    assert audit(owner, server).findings == ()


def fill(path):
    """Leave no byte on the disk of a file."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def grow(store):
    while True:
        append_all(store, large_rows(10, store.state().count))


def test_a_database_rolls_back_and_goes_on(disk, database):
    """Its tables lie on a disk of their own; a full one under its write-ahead log stops the whole server."""
    import psycopg

    folder, resize = disk
    resize(1024)
    shutil.chown(folder, "postgres")
    # pytest's own folders are for root alone.
    for parent in list(folder.parents)[:-2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        try:
            schema = f"{database}?schema=full&options={quote('-c default_tablespace=small')}"
            store = open_store(schema)
            append_all(store, make_rows(4))
            with pytest.raises(StoreError, match=r"The disk of the database .* is full: make room there"):
                grow(store)
            number = store.state().count
            assert number > 4
            assert ids_of(store) == [row.id for row in make_rows(number)]
            resize(LARGE)
            append_all(store, large_rows(10, number))
            assert ids_of(store) == [row.id for row in make_rows(number + 10)]
        finally:
            connection.execute('DROP SCHEMA IF EXISTS "full" CASCADE')
            connection.execute("DROP TABLESPACE small")


def test_a_full_bucket_keeps_no_object_and_no_row(postgresql_s3_address, monkeypatch):
    from botocore.exceptions import ClientError

    store, sent, honest = open_store(postgresql_s3_address), [], Blobs._put
    append_all(store, make_rows(2))

    def full(blobs, name, data):
        sent.append(name)
        if len(sent) > 5:
            raise ClientError({"Error": {"Code": "XMinioStorageFull", "Message": "no space left"}}, "PutObject")
        honest(blobs, name, data)

    monkeypatch.setattr(Blobs, "_put", full)
    with pytest.raises(StoreError, match=r"bucket vault cannot be used .*no space left"):
        append_all(store, make_rows(8, start=2))
    assert len(objects(postgresql_s3_address)) == 2 == len(ids_of(store))
    monkeypatch.undo()
    append_all(store, make_rows(8, start=2))
    assert len(objects(postgresql_s3_address)) == 10
