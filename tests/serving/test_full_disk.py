"""Key files, the audit log and uploads on a disk that is full: one sentence, exit status 2, nothing half-written."""

from contextlib import suppress

import pytest

from engine.cli import main
from engine.encryption import AesGcmCipher, generate_key
from engine.encryption.key_files import write_key_file
from engine.imaging import encode_png
from engine.retrieval import CloudServer, DataOwner
from engine.serving.agent import owner_service
from engine.serving.audit import AuditLog, verified
from engine.serving.cloud import cloud_service
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.remote_owner import RemoteOwner
from engine.serving.tokens import token_for
from engine.serving.transport import RejectedError, Transport
from tests.retrieval.conftest import BlockHasher, DescribingHasher, make_pictures
from tests.services import small_disk
from tests.serving.conftest import FREE, QUICK, make_tokens, serving

SMALL, LARGE = 128, 8192


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", SMALL) as resize:
        yield tmp_path / "disk", resize


def fill(folder):
    """Leave no byte on a disk."""
    with suppress(OSError), (folder / "other").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    return {"other"}


def refused(capsys, *words):
    """What a command says that cannot do its work."""
    capsys.readouterr()
    assert main([*map(str, words)]) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    return said.err


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_no_command_leaves_a_key_of_no_bytes(disk, capsys, tmp_path, monkeypatch):
    folder, resize = disk
    monkeypatch.setattr("engine.hashing.Hasher.load", lambda *_, **__: BlockHasher())
    there, key = fill(folder), folder / "vault.key"
    assert "No space left" in refused(capsys, "key", "new", "--key-file", key)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.png").write_bytes(encode_png(make_pictures(1)[0].load()))
    index = ("index", pictures, "--store", tmp_path / "vault.db", "--key-file", key)
    assert "No space left" in refused(capsys, *index)
    assert names(folder) == there
    assert not (tmp_path / "vault.db").exists()
    resize(LARGE)
    assert main([*map(str, index)]) == 0
    assert key.stat().st_size == 32


def test_a_key_that_is_changed_is_the_old_one_until_the_new_one_is_whole(disk, capsys, tmp_path, monkeypatch):
    folder, _ = disk
    key, word = folder / "vault.key", tmp_path / "word"
    write_key_file(key, generate_key())
    word.write_text("a long enough passphrase")
    monkeypatch.setenv("CXR_VAULT_NEW_PASSPHRASE_FILE", str(word))
    before, there = key.read_bytes(), fill(folder)
    assert "No space left" in refused(capsys, "key", "change", "--key-file", key, "--passphrase")
    assert key.read_bytes() == before
    assert names(folder) == there | {"vault.key"}


def test_tokens_are_kept(disk, capsys):
    folder, _ = disk
    add = ("token", "add", "--tokens", folder / "tokens", "--role", "user")
    assert main([*map(str, add), "--name", "ann"]) == 0
    before, there = (folder / "tokens").read_bytes(), fill(folder)
    assert "No space left" in refused(capsys, *add, "--name", "bob")
    assert (folder / "tokens").read_bytes() == before
    assert names(folder) == there | {"tokens"}


def test_an_index_onto_a_full_disk_goes_on_when_there_is_room(disk, capsys, tmp_path, monkeypatch):
    folder, resize = disk
    monkeypatch.setattr("engine.hashing.Hasher.load", lambda *_, **__: BlockHasher())
    monkeypatch.setattr("engine.retrieval.parts.PART", 4)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for picture in make_pictures(40):
        (pictures / picture.name.rpartition("/")[2]).write_bytes(encode_png(picture.load()))
    index = ("index", pictures, "--store", folder / "vault.db", "--key-file", tmp_path / "key", "--keep", "pixels")
    assert main([*map(str, index)]) == 2
    assert "is full: make room" in capsys.readouterr().err.splitlines()[-1]
    assert names(folder) <= {"vault.db"}
    resize(LARGE)
    assert main([*map(str, index)]) == 0
    assert len(CloudServer(folder / "vault.db")) == 40


def test_nothing_is_handed_over_that_cannot_be_written_down(disk, filled, store, key, hasher, tmp_path):
    folder, resize = disk
    tokens, secrets = make_tokens(tmp_path / "owner.tokens")
    server, audit = CloudServer(store), AuditLog(folder / "audit.log")
    owner = DataOwner(key, server, hasher, cipher=AesGcmCipher)
    with serving(owner_service(owner, server, tokens, audit, limits=FREE)) as url:
        cloud = RemoteCloud(filled.transport("user"))
        far = RemoteOwner(Transport(url, token_for(secrets["user"], "owner"), patience=QUICK), cloud, hasher)
        far.issue_code_mask()
        near = cloud.nearest(server.index_rows().codes[0], 3)
        fill(folder)
        with pytest.raises(RejectedError, match="disk is full: nothing was kept") as refusal:
            # The log's last block has room for a few lines.
            list(iter(lambda: far.release([one.id for one in near]), None))
        assert refusal.value.status == 507
        written = [entry.what for entry in verified(audit.path)]
        resize(LARGE)
        assert len(far.release([one.id for one in near])) == len(near)
        assert [entry.what for entry in verified(audit.path)] == [*written, "keys"]
        assert set(written) == {"mask", "keys"}
    audit.close()


def test_an_upload_waits_for_room(disk, tmp_path):
    """The cloud's folder of uploads is full: the owner hears a sentence, and goes on where the server stands."""
    folder, resize = disk
    tokens, secrets = make_tokens(tmp_path / "tokens")
    service = cloud_service(CloudServer(tmp_path / "vault.db"), tokens, folder / "uploads", FREE)
    pictures, key = make_pictures(60), generate_key()
    with serving(service) as url:
        line = Transport(url, token_for(secrets["owner"], "cloud"), patience=QUICK)

        def upload():
            return list(DataOwner(key, RemoteCloud(line, "ab"), DescribingHasher()).upload(pictures, batch_size=4))

        with pytest.raises(RejectedError, match="disk is full: nothing was kept"):
            upload()
        assert not (tmp_path / "vault.db").exists()
        resize(LARGE)
        assert 0 < upload()[-1].added < len(pictures)
    assert len(CloudServer(tmp_path / "vault.db")) == len(pictures)
