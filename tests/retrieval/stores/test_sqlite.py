import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.retrieval import Gallery, SealedPicture, SqliteStore, StoreError
from engine.retrieval.stores import sqlite

GALLERY = Gallery(id=b"g" * 16, bits=16, key_check=b"k" * 32)


def make_rows(count, start=0):
    return [
        SealedPicture(f"{number:032x}", bytes([number, 1]), b"note %d" % number, b"picture %d" % number)
        for number in range(start, start + count)
    ]


@pytest.fixture
def store(tmp_path):
    return SqliteStore(tmp_path / "vault.db")


@pytest.fixture
def filled(store):
    with store.appending(GALLERY) as append:
        append(make_rows(3))
        append(make_rows(2, start=3))
    return store


def alter(store, statement, *values):
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(statement, values)


def test_rows_come_back_in_order_and_by_id(filled):
    rows = make_rows(5)
    reopened = SqliteStore(filled.path)
    assert reopened.gallery() == GALLERY
    ids, codes = reopened.codes()
    assert ids == [row.id for row in rows]
    assert codes.tolist() == [list(row.code) for row in rows]
    assert [record.record for record in reopened.records()] == [row.record for row in rows]
    assert [record.code for record in reopened.records([rows[4].id, rows[0].id])] == [
        rows[4].code,
        rows[0].code,
    ]
    assert reopened.pictures([rows[2].id, rows[2].id]) == [rows[2].sealed] * 2


def test_codes_can_be_read_from_a_position_on(filled):
    ids, codes = filled.codes(start=3)
    assert ids == [row.id for row in make_rows(2, start=3)]
    assert codes[:, 0].tolist() == [3, 4]
    nothing = filled.codes(start=5)
    assert nothing[0] == []
    assert nothing[1].shape == (0, 2)


def test_a_new_store_appears_only_when_it_is_whole(store):
    with store.appending(GALLERY) as append:
        append(make_rows(3))
        assert not store.path.exists()
    assert os.listdir(store.path.parent) == [store.path.name]


def append_and_fail(store, rows):
    with store.appending(GALLERY) as append:
        append(rows)
        raise ValueError("boom")


def append_all(store, rows, gallery=GALLERY):
    with store.appending(gallery) as append:
        append(rows)


def test_a_failed_first_append_leaves_nothing(store):
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(store, make_rows(3))
    assert os.listdir(store.path.parent) == []
    assert store.gallery() is None


def test_a_failed_later_append_changes_nothing(filled):
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(filled, make_rows(3, start=10))
    with pytest.raises(StoreError, match="already holds"):
        append_all(filled, make_rows(1, start=20) + make_rows(1, start=0))
    assert len(filled.codes()[0]) == 5
    assert os.listdir(filled.path.parent) == [filled.path.name]


def test_an_error_of_the_caller_stays_the_callers(store):
    with pytest.raises(FileNotFoundError), store.appending(GALLERY):
        open("/does/not/exist")  # noqa: SIM115


def test_readers_see_the_old_state_while_a_large_append_runs(filled):
    with filled.appending(GALLERY) as append:
        for start in range(10, 250):
            append([SealedPicture(f"{start:032x}", b"\0\0", b"n", os.urandom(20_000))])
        assert len(filled.codes()[0]) == 5
        assert filled.pictures([make_rows(1)[0].id]) == [b"picture 0"]
    assert len(filled.codes()[0]) == 245
    assert os.listdir(filled.path.parent) == [filled.path.name]


def test_threads_may_read_while_others_append(filled):
    failures = []

    def read():
        for _ in range(20):
            ids, codes = filled.codes()
            if len(ids) != len(codes) or filled.pictures(ids[:1]) != [b"picture 0"]:
                failures.append(ids)

    def write(start):
        for number in range(start, start + 5):
            with filled.appending(GALLERY) as append:
                append(make_rows(1, start=number))

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(read) for _ in range(4)] + [pool.submit(write, start) for start in (20, 40)]
        for job in jobs:
            job.result()
    assert failures == []
    assert len(filled.codes()[0]) == 15


def test_two_first_appends_do_not_overwrite_each_other(store):
    inside, done = threading.Event(), threading.Event()

    def slow():
        with store.appending(Gallery(b"h" * 16, 16, b"k" * 32)) as append:
            inside.set()
            done.wait(60)
            append(make_rows(1))

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(slow)
        assert inside.wait(60)
        with store.appending(GALLERY) as append:
            append(make_rows(2))
        done.set()
        with pytest.raises(StoreError, match="made by someone else"):
            job.result()
    assert store.gallery() == GALLERY
    assert len(store.codes()[0]) == 2
    assert os.listdir(store.path.parent) == [store.path.name]


def test_a_store_made_at_the_last_moment_is_not_overwritten(store, monkeypatch):
    """Whoever looks whether a store is there knows nothing of the moment after."""

    def late():
        with SqliteStore(store.path).appending(Gallery(b"h" * 16, 16, b"k" * 32)) as append:
            append(make_rows(1))
            append_all(store, make_rows(2))
            monkeypatch.setattr(Path, "exists", lambda path: False)

    with pytest.raises(StoreError, match="made by someone else"):
        late()
    monkeypatch.undo()
    assert store.gallery() == GALLERY
    assert os.listdir(store.path.parent) == [store.path.name]


def test_a_store_is_made_where_a_file_has_one_name_only(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    append_all(store, make_rows(2))
    assert len(SqliteStore(store.path).codes()[0]) == 2


def test_a_second_writer_waits_and_then_says_so(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with filled.appending(GALLERY) as append:
        append(make_rows(1, start=30))
        with pytest.raises(StoreError, match="locked"), filled.appending(GALLERY):
            pass
    assert len(filled.codes()[0]) == 6


def test_another_gallery_is_refused(filled):
    with pytest.raises(StoreError, match="another gallery"):
        append_all(filled, make_rows(1, start=9), Gallery(b"x" * 16, 16, b"k" * 32))
    assert len(filled.codes()[0]) == 5


def test_unknown_ids_and_absent_stores_are_named(filled, tmp_path):
    with pytest.raises(StoreError, match='holds no picture "ff"'):
        filled.records(["ff"])
    with pytest.raises(StoreError, match='holds no picture "ff"'):
        filled.pictures(["ff"])
    with pytest.raises(StoreError, match="There is no store"):
        SqliteStore(tmp_path / "absent.db").codes()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG" + bytes(5000)])
def test_another_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is not a store of CXR Vault"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_another_database_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE gallery (id)")
    with pytest.raises(StoreError, match="is not a store of CXR Vault"):
        SqliteStore(tmp_path / "other.db")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(StoreError, match="cannot be used"):
        SqliteStore(tmp_path)


def test_a_newer_store_is_refused(filled):
    alter(filled, "PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="has version 2, this program reads 1"):
        SqliteStore(filled.path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON code BEGIN DELETE FROM code; END",
        "DELETE FROM gallery",
        "INSERT INTO gallery VALUES (x'00', 16, x'00')",
        "UPDATE gallery SET bits = 'many'",
        "UPDATE gallery SET bits = 12",
        "UPDATE gallery SET bits = -16",
        "UPDATE gallery SET bits = 1 << 40",
    ],
)
def test_a_tampered_store_does_not_open(filled, statement):
    alter(filled, statement)
    with pytest.raises(StoreError, match="damaged or has been tampered with"):
        SqliteStore(filled.path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE code SET code = x'000102' WHERE position = 1",
        "UPDATE code SET code = 'ab' WHERE position = 1",
        "UPDATE code SET id = x'00' WHERE position = 1",
        "DELETE FROM code WHERE position = 1",
    ],
)
def test_unsound_codes_are_noticed(filled, statement):
    alter(filled, statement)
    with pytest.raises(StoreError, match="damaged or has been tampered with"):
        filled.codes()


def test_unsound_records_and_pictures_are_noticed(filled):
    alter(filled, "UPDATE sealed SET record = 7, picture = 'text' WHERE position = 0")
    with pytest.raises(StoreError, match="tampered"):
        filled.records()
    with pytest.raises(StoreError, match="tampered"):
        filled.pictures([make_rows(1)[0].id])


def test_a_truncated_file_is_an_error_in_one_sentence(filled):
    content = filled.path.read_bytes()
    filled.path.write_bytes(content[:5000])
    with pytest.raises(StoreError, match="damaged|cannot be used"):
        filled.codes()


def test_a_write_protected_store_can_be_read(filled):
    folder = filled.path.parent
    filled.path.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert len(SqliteStore(filled.path).codes()[0]) == 5
    finally:
        folder.chmod(0o755)


def test_strange_paths_work(tmp_path):
    store = SqliteStore(tmp_path / "a folder" / "50% of #1?.db")
    with store.appending(GALLERY) as append:
        append(make_rows(1))
    assert np.array_equal(SqliteStore(store.path).codes()[1], [[0, 1]])
    assert os.listdir(store.path.parent) == ["50% of #1?.db"]
