"""New masks and a new key over HTTP: resumable, and all or nothing to whoever reads."""

import numpy as np
import pytest

from engine.cli import main
from engine.encryption import AesGcmCipher, AuthenticationError, generate_key
from engine.encryption.key_files import write_key_file
from engine.retrieval import CloudServer, DataOwner, DataUser, Receipt, StoreError, renewal
from engine.retrieval.audit import adopt, audit
from engine.retrieval.renewal import revoke, rotate
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.transport import RejectedError
from tests.retrieval.conftest import make_pictures

COUNT, BATCH = 12, 5


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(renewal, "BATCH", BATCH)


@pytest.fixture
def far(filled):
    return RemoteCloud(filled.transport("owner"))


@pytest.fixture
def owner(far, key, hasher, tmp_path):
    owner = DataOwner(key, far, hasher, cipher=AesGcmCipher, receipt=Receipt(tmp_path / "receipt", far.where))
    adopt(owner, far)
    owner.receipt.place(owner.keys.gallery.id)
    return owner


def everything(owner):
    return {record.name: owner.open(identity).tobytes() for identity, record in owner.records().items()}


def sound(owner, server, pictures):
    assert everything(owner) == {picture.name: picture.load().tobytes() for picture in pictures}
    assert audit(owner, server).findings == ()


def test_new_masks_come_over_the_wire_and_the_agent_lends_them(owner, far, filled, agent, remote, pictures):
    mask = owner.issue_code_mask()
    list(revoke(owner, far))
    sound(owner, far, pictures)
    query = pictures[0].load()
    masked = mask.apply(owner.hasher.codes([query]))[0]
    assert far.nearest(masked, 1)[0].distance > 0
    for picture in pictures[:3]:
        assert DataUser(*remote).search(picture.load(), k=1)[0].name == picture.name


def test_a_new_key_comes_over_the_wire_and_nothing_is_left_behind(owner, far, filled, store, key, hasher, tmp_path):
    new, receipt = generate_key(), Receipt(tmp_path / "new.receipt", far.where)
    before = {row.id for row in far.records()}
    list(rotate(owner, far, new, receipt))
    with pytest.raises(AuthenticationError):
        DataOwner(key, CloudServer(store))
    renewed = DataOwner(new, far, hasher, cipher=AesGcmCipher, receipt=receipt)
    sound(renewed, far, make_pictures(COUNT))
    assert not before & {row.id for row in far.records()}
    assert [path.name for path in filled.folder.glob(".*next")] == []
    assert list((filled.folder / "uploads" / "next").iterdir()) == []


@pytest.mark.parametrize("stop", [1, 2])
def test_a_reader_sees_the_old_store_until_the_end_and_a_stopped_run_goes_on(
    owner, far, store, hasher, tmp_path, monkeypatch, pictures, stop
):
    new, sealed, honest = generate_key(), [], renewal.resealed
    steps = rotate(owner, far, new, Receipt(tmp_path / "new.receipt", far.where))
    for _ in range(stop):
        next(steps)
    steps.close()
    sound(owner, CloudServer(store), pictures)
    monkeypatch.setattr(renewal, "resealed", lambda *arguments: sealed.append(1) or honest(*arguments))
    receipt = Receipt(tmp_path / "new.receipt", far.where)
    again = RemoteCloud(far._transport)
    list(rotate(owner, again, new, receipt))
    assert len(sealed) == COUNT - BATCH * stop
    sound(DataOwner(new, again, hasher, cipher=AesGcmCipher, receipt=receipt), again, pictures)


def test_a_lost_answer_to_the_last_request_is_asked_for_again(owner, far, tmp_path, monkeypatch, pictures, hasher):
    asked, honest = [], type(far._transport).json

    def twice(transport, method, path, *rest):
        if path.endswith("/succeed"):
            asked.append(honest(transport, method, path, *rest))
        return honest(transport, method, path, *rest)

    monkeypatch.setattr(type(far._transport), "json", twice)
    new, receipt = generate_key(), Receipt(tmp_path / "new.receipt", far.where)
    list(rotate(owner, far, new, receipt))
    assert asked == [{"succeeded": True}]
    sound(DataOwner(new, far, hasher, cipher=AesGcmCipher, receipt=receipt), far, pictures)


def test_a_program_killed_after_the_last_request_finds_its_masks(owner, far, monkeypatch, pictures):
    monkeypatch.setattr(Receipt, "forget", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    steps = revoke(owner, far)
    with pytest.raises(KeyboardInterrupt):
        list(steps)
    monkeypatch.undo()
    sound(owner, far, pictures)


def test_another_gallery_is_still_refused(owner, far, hasher, key, store):
    other = DataOwner(key, CloudServer(store.with_name("other.db")), hasher, cipher=AesGcmCipher)
    list(other.upload(make_pictures(2)))
    store.with_name("other.db").replace(store)
    with pytest.raises(AuthenticationError, match="another gallery"):
        DataOwner(key, RemoteCloud(far._transport), hasher, receipt=owner.receipt)


def test_what_cannot_succeed_is_a_sentence(owner, far, filled, store):
    with pytest.raises(StoreError, match="Nothing has been sent"):
        far.succeed(far.state.epoch)
    steps = revoke(owner, far)
    next(steps)
    steps.close()
    with pytest.raises(RejectedError, match="changed meanwhile"):
        far.succeed(far.state.epoch + 1)
    with pytest.raises(StoreError, match="does not delete its store"):
        far.discard()
    far.successor().discard()
    assert far.successor().gallery is None
    body = {"epoch": far.state.epoch, "gallery": "0f" * 16}
    assert filled.ask("POST", "/v1/next/succeed", "owner", body).status == 409
    assert np.array_equal(CloudServer(store).index_rows().ids, far.index_rows().ids)


def test_the_commands_take_the_address_of_the_cloud(filled, key, tmp_path, capsys):
    first, second, token = tmp_path / "vault.key", tmp_path / "new.key", tmp_path / "token"
    write_key_file(first, key)
    token.write_text(filled.secrets["owner"])
    token.chmod(0o600)
    where = ("--store", filled.url, "--token-file", str(token), "--key-file")

    def done(command, key_file, *words):
        capsys.readouterr()
        return main([command, *where, str(key_file), *map(str, words)]), capsys.readouterr().out

    assert done("audit", first, "--adopt") == (0, f"{COUNT} pictures are in the receipt now\n")
    assert done("revoke", first)[0] == 0
    assert done("audit", first) == (0, "")
    status, said = done("rotate", first, "--new-key-file", second)
    assert (status, said.split()[0]) == (0, str(COUNT))
    assert done("audit", second) == (0, "")
    assert done("list", first)[0] == 2
    assert len(done("list", second)[1].splitlines()) == COUNT
