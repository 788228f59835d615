"""Every way in which a store can lose, keep or exchange rows, and what the audit says of it."""

import shutil
import sqlite3
from contextlib import closing
from itertools import zip_longest

import pytest

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.retrieval import CloudServer, DataOwner, Receipt, StoreError
from engine.retrieval.audit import Finding, adopt, audit
from engine.retrieval.receipts import Entry, set_digest
from tests.retrieval.conftest import BlockHasher, make_pictures

COUNT = 9


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vault.db"


@pytest.fixture
def receipt(tmp_path, path):
    return Receipt(tmp_path / "vault.key.receipt", str(path))


@pytest.fixture
def server(path):
    return CloudServer(path)


@pytest.fixture
def owner(key, server, receipt):
    owner = DataOwner(key, server, BlockHasher(), cipher=AesGcmCipher, receipt=receipt)
    list(owner.upload(make_pictures(COUNT)))
    return owner


def alter(path, *statements):
    """Change a file as an attacker would, who keeps its counters in order."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("UPDATE gallery SET count = (SELECT count(*) FROM code)")


def delete(where):
    return (
        f"DELETE FROM sealed WHERE position IN (SELECT position FROM code WHERE {where})",
        f"DELETE FROM code WHERE {where}",
    )


def found(owner, server):
    return sorted((finding.kind, finding.id) for finding in audit(owner, server).findings)


def test_an_honest_store_has_no_findings(owner, server):
    steps = []
    outcome = audit(owner, server, lambda done, total: steps.append((done, total)))
    assert (outcome.count, outcome.recorded, outcome.findings) == (COUNT, True, ())
    assert steps == [(COUNT, COUNT)]


@pytest.mark.parametrize(
    ("where", "count"), [("position = 8", 1), ("position < 5", 5), ("position % 3 = 0", 3), ("1", COUNT)]
)
def test_deleted_rows_are_named(owner, server, path, where, count):
    """The last row, the five best, a class, all of them."""
    before = [row.id for row in server.records()]
    alter(path, *delete(where))
    left = [row.id for row in CloudServer(path).records()]
    assert found(owner, CloudServer(path)) == sorted(("missing", one) for one in set(before) - set(left))
    assert len(before) - len(left) == count


def test_a_row_that_its_owner_removed_and_that_is_back_is_named(owner, server, path, tmp_path):
    first = next(row.id for row in server.records())
    shutil.copy(path, tmp_path / "old.db")
    owner.remove([first])
    assert found(owner, server) == []
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS old", (str(tmp_path / "old.db"),))
        connection.execute("INSERT INTO code SELECT 100, id, digest, code, sketch FROM old.code WHERE position = 0")
        connection.execute("INSERT INTO sealed SELECT 100, record, picture FROM old.sealed WHERE position = 0")
    alter(path)
    assert found(owner, server) == [("replayed", first)]
    assert [finding.name for finding in audit(owner, server).findings] != [""]


def test_a_store_set_back_is_named_with_what_it_lost(owner, server, path, tmp_path):
    shutil.copy(path, tmp_path / "old.db")
    list(owner.upload(make_pictures(COUNT + 2)))
    now = {row.id for row in server.records()}
    shutil.copy(tmp_path / "old.db", path)
    lost = now - {row.id for row in CloudServer(path).records()}
    assert found(owner, CloudServer(path)) == sorted([("set back", ""), *(("missing", one) for one in lost)])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sealed SET picture = zeroblob(4000) WHERE position = 2",
        "UPDATE sealed SET picture = (SELECT picture FROM sealed WHERE position = 5) WHERE position = 2",
        "UPDATE sealed SET record = zeroblob(540) WHERE position = 2",
        "UPDATE code SET code = zeroblob(6) WHERE position = 2",
        "UPDATE code SET sketch = zeroblob(24) WHERE position = 2 AND length(sketch) > 0 OR position = 2",
        "UPDATE code SET digest = randomblob(16) WHERE position = 2",
    ],
)
def test_a_changed_row_is_named(owner, server, path, statement):
    changed = server.records()[2].id
    if "sketch" in statement:
        statement = "UPDATE code SET sketch = x'" + "01" * 24 + "' WHERE position = 2"
    alter(path, statement)
    assert found(owner, CloudServer(path)) == [("changed", changed)]


def test_foreign_rows_are_told_from_those_that_the_receipt_does_not_know(owner, server, path, key):
    alter(
        path,
        "INSERT INTO code VALUES (50, zeroblob(16), NULL, zeroblob(6), x'')",
        "INSERT INTO sealed VALUES (50, zeroblob(540), zeroblob(100))",
    )
    before = {row.id for row in server.records()}
    elsewhere = DataOwner(key, server, BlockHasher(), cipher=AesGcmCipher)
    list(elsewhere.upload(make_pictures(COUNT + 1)))
    (new,) = {row.id for row in server.records()} - before
    assert found(owner, server) == [("foreign", "00" * 16), ("unrecorded", new)]


def test_another_gallery_of_the_same_key_is_refused(owner, server, path, key):
    path.unlink()
    list(DataOwner(key, CloudServer(path), BlockHasher(), cipher=AesGcmCipher).upload(make_pictures(2)))
    with pytest.raises(AuthenticationError, match="another gallery than this owner's receipt"):
        audit(owner, server)


def test_a_receipt_is_begun_of_a_store_that_has_none(owner, server, key, tmp_path, path):
    fresh = DataOwner(key, server, BlockHasher(), receipt=Receipt(tmp_path / "new.receipt", str(path)))
    assert not audit(fresh, server).recorded
    assert fresh.vouch() is None
    assert adopt(fresh, server) == COUNT
    assert fresh.vouch() == owner.vouch()
    with pytest.raises(StoreError, match="already"):
        adopt(fresh, server)


def test_a_changed_store_is_not_adopted(owner, server, key, path):
    alter(path, "UPDATE sealed SET picture = zeroblob(4000) WHERE position = 2")
    stranger = DataOwner(key, CloudServer(path), BlockHasher())
    assert [finding.kind for finding in audit(stranger, server).findings] == ["changed"]
    with pytest.raises(StoreError, match="changed or is foreign"):
        adopt(stranger, server)


def test_an_upload_that_was_killed_after_it_was_stored_is_settled(owner, server, key, receipt, path, monkeypatch):
    """The server has taken the rows and the owner's process dies before the receipt says so."""
    dying = DataOwner(key, server, BlockHasher(), cipher=AesGcmCipher, receipt=receipt)

    def die(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(receipt, "confirm", die)
        with pytest.raises(KeyboardInterrupt):
            list(dying.upload(make_pictures(COUNT + 2)))
    assert len(server) == COUNT + 2
    assert owner.vouch().count == COUNT
    assert found(owner, server) == []
    assert owner.vouch().count == COUNT + 2


def test_a_removal_that_fails_is_not_noted(owner, server, monkeypatch):
    first = server.records()[0].id

    def fail(ids):
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(server, "remove", fail)
        with pytest.raises(StoreError, match="disk is full"):
            owner.remove([first])
    assert found(owner, server) == []
    with pytest.raises(StoreError, match="holds no picture"):
        owner.remove(["00" * 16])
    assert owner.vouch().count == COUNT


def test_two_owners_may_upload_at_once_and_nothing_is_stored_twice(owner, server, key, receipt):
    other = DataOwner(key, server, BlockHasher(), cipher=AesGcmCipher, receipt=receipt)
    uploads = [one.upload(make_pictures(COUNT + 6), 2) for one in (owner, other)]
    rounds = list(zip_longest(*uploads))
    assert sum(step.added for step in rounds[-1]) == 6
    assert len(server) == COUNT + 6
    assert found(owner, server) == []


def test_the_sum_of_tags_does_not_depend_on_their_order(receipt):
    tags = [bytes([n]) * 16 for n in (255, 3, 128, 77)]
    gallery, entries = b"g" * 16, [Entry(bytes([n]) * 16, tag, b"s" * 16) for n, tag in enumerate(tags)]
    receipt.begin(gallery)
    receipt.send(gallery, entries[::-1])
    receipt.confirm(gallery, 4, [entry.id for entry in entries])
    assert receipt.state(gallery).digest == set_digest(tags) == set_digest(tags[::-1])
    receipt.remove(gallery, [entries[1].id])
    assert receipt.state(gallery).digest == set_digest([tags[0], *tags[2:]])
    assert (receipt.state(gallery).count, receipt.state(gallery).epoch) == (3, 4)


def test_a_receipt_is_the_owner_s_alone_and_outlives_its_process(owner, receipt, path):
    assert receipt.path.stat().st_mode & 0o077 == 0
    again = Receipt(receipt.path, str(path))
    assert again.state(owner.keys.gallery.id) == receipt.state(owner.keys.gallery.id)
    assert again.placed() == owner.keys.gallery.id
    content = receipt.path.read_bytes()
    assert owner.keys.key not in content
    assert make_pictures(1)[0].name.encode() not in content


def test_a_receipt_that_is_none_is_a_sentence(tmp_path):
    (tmp_path / "x.receipt").write_bytes(b"not a receipt, but long enough to be looked at" * 30)
    with pytest.raises(StoreError, match="receipt .* cannot be used"):
        Receipt(tmp_path / "x.receipt")


def test_findings_are_plain(owner):
    assert Finding("missing", "ab").name == ""
