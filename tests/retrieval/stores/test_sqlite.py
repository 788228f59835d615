import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from engine.retrieval import SealedPicture, SqliteStore, StoreError
from engine.retrieval.stores import sqlite
from tests.retrieval.stores.engines import GALLERY, append_all, append_and_fail, codes_of, ids_of, make_rows


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


def test_a_failed_first_append_leaves_nothing(store):
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(store, make_rows(3))
    assert os.listdir(store.path.parent) == []
    assert store.gallery() is None


def test_readers_see_the_old_state_while_a_large_append_runs(filled):
    with filled.appending(GALLERY) as append:
        for start in range(10, 250):
            append([SealedPicture(f"{start:032x}", b"\0\0", b"n", os.urandom(20_000))])
        assert len(ids_of(filled)) == 5
        assert filled.pictures([make_rows(1)[0].id]) == [b"picture 0"]
    assert len(ids_of(filled)) == 245
    assert os.listdir(filled.path.parent) == [filled.path.name]


def test_a_store_is_made_where_a_file_has_one_name_only(store, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    append_all(store, make_rows(2))
    assert len(ids_of(SqliteStore(store.path))) == 2


def test_a_second_writer_waits_and_then_says_so(filled, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with filled.appending(GALLERY) as append:
        append(make_rows(1, start=30))
        with closing(sqlite3.connect(filled.path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                append_all(filled, make_rows(1, start=31))
    assert len(ids_of(filled)) == 6


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
    alter(filled, "PRAGMA user_version = 3")
    with pytest.raises(StoreError, match="has version 3, this program reads up to 2"):
        SqliteStore(filled.path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON code BEGIN DELETE FROM code; END",
        "DELETE FROM gallery",
        "INSERT INTO gallery VALUES (x'00', 16, x'00', 0, 0, 0)",
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
        "UPDATE code SET id = 'text' WHERE position = 1",
        "DELETE FROM code WHERE position = 1",
    ],
)
def test_unsound_codes_are_noticed(filled, statement):
    alter(filled, statement)
    with pytest.raises(StoreError, match="damaged or has been tampered with"):
        ids_of(filled)


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
        ids_of(filled)


def test_a_write_protected_store_can_be_read(filled):
    folder = filled.path.parent
    filled.path.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert len(ids_of(SqliteStore(filled.path))) == 5
    finally:
        folder.chmod(0o755)


def test_strange_paths_work(tmp_path):
    store = SqliteStore(tmp_path / "a folder" / "50% of #1?.db")
    with store.appending(GALLERY) as append:
        append(make_rows(1))
    assert codes_of(SqliteStore(store.path)) == [[0, 0]]
    assert os.listdir(store.path.parent) == ["50% of #1?.db"]


def test_no_log_is_left_behind_even_by_a_reader_in_mid_append(filled):
    with filled.following() as snapshot:
        next(snapshot.rows)
        assert os.listdir(filled.path.parent) == [filled.path.name]
    append_all(filled, make_rows(1, start=40))
    assert os.listdir(filled.path.parent) == [filled.path.name]


def append_and(store, act):
    """Have something happen to a file while rows wait to go into it."""
    with store.appending(GALLERY) as append:
        append(make_rows(1, start=7))
        act()


def test_a_folder_deleted_in_mid_append_is_noticed(filled):
    with pytest.raises(StoreError, match=r"cannot be used|deleted or replaced"):
        append_and(filled, lambda: shutil.rmtree(filled.path.parent))
    assert not filled.path.exists()


def test_a_store_replaced_in_mid_append_is_not_written_to(filled, tmp_path):
    other = SqliteStore(tmp_path / "other.db")
    append_all(other, make_rows(2), replace(GALLERY, id=b"o" * 16))
    with pytest.raises(StoreError, match="made by someone else"):
        append_and(filled, lambda: other.path.replace(filled.path))
    assert len(ids_of(filled)) == 2


def test_what_killed_first_uploads_left_is_swept_after_an_hour(store):
    store.path.parent.mkdir(parents=True, exist_ok=True)
    old, new, foreign = (
        store.path.with_name(name)
        for name in (".vault.db.0011.partial", ".vault.db.0022.partial", ".other.db.0.partial")
    )
    for path in (old, new, foreign):
        path.write_bytes(b"half a store")
    for path in (old, foreign):
        os.utime(path, (1, 1))
    append_all(store, make_rows(1))
    assert sorted(path.name for path in store.path.parent.iterdir()) == [foreign.name, new.name, store.path.name]


def test_removed_content_is_overwritten_in_the_file(store):
    rows = [replace(row, sealed=os.urandom(3000)) for row in make_rows(3)]
    append_all(store, rows)
    assert rows[1].sealed[:500] in store.path.read_bytes()
    store.remove([rows[1].id])
    content = store.path.read_bytes()
    assert rows[1].sealed[:500] not in content
    assert rows[1].sealed[-500:] not in content
    assert rows[0].sealed[:500] in content
