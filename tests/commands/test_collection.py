import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress

import numpy as np
import pytest

from engine.cli import main
from engine.encryption import AesGcmCipher, generate_key
from engine.encryption.key_files import write_key_file
from engine.imaging import encode_png
from engine.retrieval import CloudServer, DataOwner, Receipt
from engine.retrieval.stores.base import StoreError
from engine.serving.tokens import TokenFile
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


def test_a_rotation_that_was_killed_at_its_end_is_told_of_when_it_is_run_again(run, where, tmp_path, monkeypatch):
    monkeypatch.setattr(Receipt, "place", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    words = ("rotate", "--new-key-file", tmp_path / "new.key")
    with suppress(KeyboardInterrupt):
        run(*words)
    monkeypatch.undo()
    status, printed = run(*words)
    assert (status, printed.out.split()[0]) == (0, str(COUNT))
    where[3] = str(tmp_path / "new.key")
    assert run("audit")[0] == 0
    assert run(*words)[0] == 2


def test_a_revocation_that_was_killed_at_its_end_is_done(run, monkeypatch):
    before = listed(run)
    monkeypatch.setattr(Receipt, "forget", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with suppress(KeyboardInterrupt):
        run("revoke")
    monkeypatch.undo()
    assert run("audit")[0] == 0
    assert sorted(listed(run), key=str) == sorted(before, key=str)


def test_who_is_revoked_loses_tokens_before_masks_are_made(run, tmp_path):
    tokens = TokenFile(tmp_path / "tokens")
    for name in ("bob", "ann", "bob"):
        tokens.add("user", name)
    assert run("revoke", "--user", "bob")[0] == 2
    status, printed = run("revoke", "--user", "bob", "--tokens", tokens.path)
    assert (status, "2 removed from" in printed.err) == (0, True)
    assert [grant.name for grant in tokens.grants()] == ["ann"]
    assert run("revoke", "--user", "bob", "--tokens", tokens.path)[0] == 0


def test_another_key_leaves_nothing_beside_it(run, where, tmp_path):
    """Neither a receipt of a store that it does not open, nor a key that a refused command made."""
    other, folder = tmp_path / "other.key", tmp_path / "pictures"
    folder.mkdir()
    (folder / "one.png").write_bytes(encode_png(np.eye(48, dtype=np.uint8) * 200))
    write_key_file(other, generate_key())
    before = {file.name for file in tmp_path.iterdir()}
    where[3] = str(other)
    status, printed = run("index", folder)
    assert (status, "does not open this store" in printed.err) == (2, True)
    assert {file.name for file in tmp_path.iterdir()} == before


def test_where_no_successor_can_be_made_no_key_is(run, tmp_path, monkeypatch):
    def full(server):
        raise StoreError("There is no room.")

    monkeypatch.setattr(CloudServer, "successor", full)
    assert run("rotate", "--new-key-file", tmp_path / "new.key")[0] == 2
    assert not (tmp_path / "new.key").exists()


READ_ONLY = ("unshare", "-rm", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"')


def test_a_store_is_read_from_media_that_nobody_can_write_to(tmp_path, where):
    """The store, its key and its receipt, copied to a new place."""
    place = tmp_path / "media"
    place.mkdir()
    for name in ("vault.db", "vault.key", "vault.key.receipt"):
        shutil.copy(tmp_path / name, place / name)
    mounted = (*READ_ONLY, str(place))
    if shutil.which("unshare") is None or subprocess.run([*mounted, "true"], check=False).returncode:
        pytest.skip("SKIPPED: this machine lets nobody mount read-only media")
    options = ["--store", str(place / "vault.db"), "--key-file", str(place / "vault.key")]
    script = "import sys; from engine.cli import main; sys.exit(main())"

    def run(command, *words):
        words = [*mounted, sys.executable, "-c", script, command, *options, *words]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    assert len(json.loads(run("list", "--json").stdout)) == COUNT
    assert run("audit").returncode == 0
    refused = run("remove", "--name", "*")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert run("audit").returncode == 0


def test_a_receipt_that_is_named_and_not_there_is_refused(where, tmp_path, capsys):
    """A slip of the pen would else let an audit say that nothing is known to be missing."""
    for command in (["audit"], ["list"]):
        assert main([*command, *where, "--receipt", str(tmp_path / "typo")]) == 2
        assert "There is no receipt" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("name", ["loop", "n\udcffme"])
def test_names_that_lead_nowhere_or_are_no_text_are_one_sentence(where, tmp_path, capsys, name):
    store = tmp_path / name
    if name == "loop":
        store.symlink_to(store)
    assert main(["list", "--store", str(store), *where[2:]]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(".")


def test_a_store_whose_text_is_none_is_one_sentence(where, tmp_path, capsys):
    path = tmp_path / "vault.db"
    data = path.read_bytes().replace(b"CREATE TABLE", b"CREATE \xdd\xff\xfeLE")
    path.write_bytes(data)
    assert main(["list", *where]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(".")


def test_a_key_file_without_a_name_is_one_sentence(where, capsys):
    assert main(["list", *where[:2], "--key-file", ""]) == 2
    assert capsys.readouterr().err.rstrip().endswith(".")
