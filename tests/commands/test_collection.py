import json
import sqlite3
from contextlib import closing

import pytest

from engine.cli import main
from engine.encryption import AesGcmCipher, generate_key
from engine.encryption.key_files import write_key_file
from engine.retrieval import CloudServer, DataOwner, Receipt
from tests.retrieval.conftest import BlockHasher, make_pictures

COUNT = 6


@pytest.fixture
def where(tmp_path):
    """A filled store, its key and its receipt, as options."""
    key, path, server = generate_key(), tmp_path / "vault.key", CloudServer(tmp_path / "vault.db")
    write_key_file(path, key)
    receipt = Receipt(tmp_path / "vault.key.receipt", server.where)
    list(DataOwner(key, server, BlockHasher(), cipher=AesGcmCipher, receipt=receipt).upload(make_pictures(COUNT)))
    return ["--store", str(tmp_path / "vault.db"), "--key-file", str(path)]


@pytest.fixture
def run(where, capsys):
    def run(*words):
        capsys.readouterr()
        status = main([words[0], *where, *map(str, words[1:])])
        return status, capsys.readouterr()

    return run


def listed(run):
    return json.loads(run("list", "--json")[1].out)


def test_pictures_are_listed(run):
    rows = listed(run)
    assert {(row["name"], row["label"]) for row in rows} == {(p.name, p.label) for p in make_pictures(COUNT)}
    status, printed = run("list")
    assert (status, len(printed.out.splitlines())) == (0, COUNT)
    assert rows[0]["id"] in printed.out


def test_pictures_are_removed_by_id_and_by_name(run):
    first = listed(run)[0]
    status, printed = run("remove", first["id"])
    assert (status, printed.out.split()) == (0, [first["id"]])
    left = [row["name"] for row in listed(run)]
    assert len(left) == COUNT - 1
    status, printed = run("remove", "--name", "ward-7/patient*", "--dry-run")
    assert (status, len(printed.out.split()), len(listed(run))) == (0, COUNT - 1, COUNT - 1)
    run("remove", "--name", left[0])
    assert [row["name"] for row in listed(run)] == left[1:]
    assert run("audit")[0] == 0


def test_removing_nothing_or_the_unknown_is_refused(run):
    for words in (["remove"], ["remove", "--name", "nobody*"], ["remove", "00" * 16], ["remove", "x"]):
        status, printed = run(*words)
        assert (status, printed.out) == (2, "")
        assert printed.err.count("\n") == 1
    assert len(listed(run)) == COUNT


def test_an_audit_names_the_rows_and_has_status_1(run, where, tmp_path):
    assert run("audit")[0] == 0
    first = listed(run)[0]
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection, connection:
        connection.execute("DELETE FROM sealed WHERE position = 0")
        connection.execute("DELETE FROM code WHERE position = 0")
        connection.execute("UPDATE gallery SET count = count - 1")
    status, printed = run("audit")
    assert (status, printed.out.split()) == (1, ["missing", first["id"]])
    status, printed = run("audit", "--json")
    assert (status, json.loads(printed.out)) == (1, [{"kind": "missing", "id": first["id"], "name": ""}])
    (tmp_path / "vault.db").unlink()
    status, printed = run("audit")
    assert (status, printed.out) == (1, "exchanged  the store holds nothing in place of its own\n")


def test_a_store_without_a_receipt_is_adopted(run, tmp_path):
    (tmp_path / "vault.key.receipt").unlink()
    status, printed = run("audit")
    assert status == 0
    assert "there is no receipt" in printed.err
    assert run("audit", "--adopt")[1].out.startswith(f"{COUNT} pictures")
    assert run("audit")[0] == 0


def test_a_store_gets_new_masks_and_a_new_key(run, where, tmp_path):
    before = listed(run)
    assert run("revoke")[0] == 0
    assert sorted(listed(run), key=str) == sorted(before, key=str)
    assert run("audit")[0] == 0
    status, _ = run("rotate", "--new-key-file", tmp_path / "new.key")
    assert status == 0
    assert run("list")[0] == 2
    where[3] = str(tmp_path / "new.key")
    assert {row["name"] for row in listed(run)} == {row["name"] for row in before}
    status, printed = run("audit")
    assert (status, printed.out) == (0, "")
    assert f"{COUNT} rows, 0 findings" in printed.err
