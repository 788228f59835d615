"""Uploads that break off: nothing is seen before the end, and the next run goes on where the server stands."""

import errno
import os
import time

import pytest

from engine.encryption import AesGcmCipher
from engine.retrieval import CloudServer, DataOwner, DataUser
from engine.retrieval.audit import audit
from engine.retrieval.receipts import Receipt
from engine.retrieval.stores import Gallery, SealedPicture
from engine.serving.errors import ServingError
from engine.serving.remote_cloud import RemoteCloud, RemoteUpload
from engine.serving.tokens import token_for
from engine.serving.transport import LostError, Patience, RejectedError, Transport
from engine.serving.uploads import Uploads, gallery_facts
from engine.serving.wire import pack, pack_row
from tests.serving.recording import Recorder

TAG = "ab" * 16


@pytest.fixture
def wire(cloud):
    with Recorder(cloud.url) as wire:
        yield wire


@pytest.fixture
def line(wire, cloud):
    """To the cloud over a wire that can be cut."""
    patience = Patience(times=0, connect=2.0, read=5.0)
    return Transport(wire.url, token_for(cloud.secrets["owner"], "cloud"), patience=patience)


def owner_of(key, hasher, transport, receipt=None, tag=TAG):
    return DataOwner(key, RemoteCloud(transport, tag), hasher, cipher=AesGcmCipher, receipt=receipt)


def test_a_lost_connection_leaves_nothing_to_see_and_the_next_run_goes_on(
    wire, line, cloud, store, key, hasher, pictures, monkeypatch
):
    receipt, sealed = Receipt(), []
    wire.cut_after(45_000)
    with pytest.raises(LostError):
        list(owner_of(key, hasher, line, receipt).upload(pictures, batch_size=2))
    assert cloud.ask("GET", "/v1/gallery", "user").json()["count"] == 0
    assert not store.exists()
    wire.cut_after(None)
    seal = RemoteUpload.__call__
    monkeypatch.setattr(RemoteUpload, "__call__", lambda self, rows: sealed.extend(rows) or seal(self, rows))
    owner = owner_of(key, hasher, line, receipt)
    list(owner.upload(pictures, batch_size=2))
    assert 0 < len(sealed) < 12
    assert sorted(record.name for record in owner.records().values()) == sorted(p.name for p in pictures)
    assert owner.vouch().count == 12
    assert len(DataUser(owner, CloudServer(store)).search(pictures[0].load(), k=10, verify=True)) == 10


def test_only_the_commit_was_lost(line, cloud, store, key, hasher, pictures, monkeypatch):
    def lost(self):
        raise LostError("The connection broke.")

    with monkeypatch.context() as patch:
        patch.setattr(RemoteUpload, "commit", lost)
        with pytest.raises(LostError):
            list(owner_of(key, hasher, line).upload(pictures))
    assert not store.exists()
    list(owner_of(key, hasher, line).upload(pictures))
    assert len(CloudServer(store)) == 12


def test_an_upload_without_a_tag_that_fails_is_deleted(line, cloud, key, hasher, pictures):
    def broken():
        raise ServingError("This picture does not load.")

    damaged = [*pictures[:5], type(pictures[0])("bad", broken)]
    with pytest.raises(ServingError, match="does not load"):
        list(owner_of(key, hasher, line, tag=None).upload(damaged, batch_size=1))
    assert cloud.ask("GET", "/v1/uploads", "owner").json() == {"uploads": []}
    assert not [path for path in (cloud.folder / "uploads").iterdir()]


def test_a_folder_takes_up_its_own_upload_alone(line, cloud, store, key, hasher, pictures, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(RemoteUpload, "commit", lambda self: (_ for _ in ()).throw(LostError("lost")))
        with pytest.raises(LostError):
            list(owner_of(key, hasher, line).upload(pictures[:6]))
    list(owner_of(key, hasher, line, tag="cd" * 16).upload(pictures[6:]))
    held = CloudServer(store)
    assert len(held) == 6


def test_a_commit_that_is_asked_twice_stores_once(cloud, line, key, hasher, pictures, store):
    owner = owner_of(key, hasher, line, tag=None)
    list(owner.upload(pictures[:4]))
    (upload,) = [path.name for path in (cloud.folder / "uploads").iterdir()]
    for _ in range(2):
        again = cloud.ask("POST", f"/v1/uploads/{upload}/commit", "owner")
        assert (again.status, again.json()["held"]) == (200, 4)
    assert len(CloudServer(store)) == 4
    assert cloud.ask("PUT", f"/v1/uploads/{upload}/rows?start=4", "owner", b"").status == 409


def test_a_commit_that_was_stored_and_not_told_is_told_when_it_is_asked_again(line, key, hasher, pictures, monkeypatch):
    """As when the server is killed between the two: the owner's receipt then knows every row."""
    save = Uploads._save

    def full(uploads, identity, state):
        if state.lost is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(uploads, identity, state)

    receipt = Receipt()
    steps = owner_of(key, hasher, line, receipt).upload(pictures)
    with monkeypatch.context() as patch:
        patch.setattr(Uploads, "_save", full)
        with pytest.raises(RejectedError, match="disk is full"):
            list(steps)
    again = owner_of(key, hasher, line, receipt)
    list(again.upload(pictures))
    assert again.vouch().count == len(pictures)
    assert audit(again, RemoteCloud(line)).findings == ()


def test_a_batch_that_is_sent_twice_is_taken_once_and_another_is_refused(cloud, filled, store):
    gallery = gallery_facts(CloudServer(store).gallery)
    upload = cloud.ask("POST", "/v1/uploads", "owner", {"gallery": gallery}).json()["upload"]
    one, two = (packed_row(bytes([n]) * 16) for n in (1, 2))
    path = f"/v1/uploads/{upload}/rows?start="
    assert cloud.ask("PUT", path + "0", "owner", one).json() == {"held": 1}
    assert cloud.ask("PUT", path + "0", "owner", one).json() == {"held": 1}
    assert cloud.ask("PUT", path + "0", "owner", two).status == 409
    assert cloud.ask("PUT", path + "5", "owner", two).status == 409
    assert cloud.ask("PUT", path + "1", "owner", two).json() == {"held": 2}
    assert cloud.ask("GET", f"/v1/uploads/{upload}", "owner").json()["ids"] == ["01" * 16, "02" * 16]


def test_a_full_disk_keeps_no_half_batch(cloud, filled, store, monkeypatch):
    gallery = gallery_facts(CloudServer(store).gallery)
    upload = cloud.ask("POST", "/v1/uploads", "owner", {"gallery": gallery}).json()["upload"]
    path = f"/v1/uploads/{upload}/rows?start=0"

    def full(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Uploads, "_save", full)
        response = cloud.ask("PUT", path, "owner", packed_row(b"\1"))
        assert response.status == 507
        assert "disk is full" in response.json()["error"]
    assert cloud.ask("GET", f"/v1/uploads/{upload}", "owner").json()["held"] == 0
    assert cloud.ask("PUT", path, "owner", packed_row(b"\2")).json() == {"held": 1}
    assert cloud.ask("GET", f"/v1/uploads/{upload}", "owner").json()["ids"] == ["02" * 16]


def test_another_owners_upload_is_none(cloud, filled, store):
    cloud.secrets["second"] = cloud.tokens.add("owner", "second")
    gallery = gallery_facts(CloudServer(store).gallery)
    upload = cloud.ask("POST", "/v1/uploads", "owner", {"gallery": gallery}).json()["upload"]
    assert cloud.ask("GET", f"/v1/uploads/{upload}", "second").status == 404
    assert cloud.ask("DELETE", f"/v1/uploads/{upload}", "second").status == 404
    assert cloud.ask("GET", "/v1/uploads", "second").json() == {"uploads": []}


def test_two_first_uploads_the_later_hears_that_there_is_a_gallery(cloud, key, hasher, pictures, store):
    facts = [{"id": f"{n:032x}", "bits": 48, "key_check": f"{n:064x}"} for n in (1, 2)]
    uploads = [cloud.ask("POST", "/v1/uploads", "owner", {"gallery": one}).json()["upload"] for one in facts]
    for n, upload in enumerate(uploads):
        cloud.ask("PUT", f"/v1/uploads/{upload}/rows?start=0", "owner", packed_row(bytes([n]) * 16))
    statuses = [cloud.ask("POST", f"/v1/uploads/{upload}/commit", "owner").status for upload in uploads]
    assert statuses == [200, 409]
    assert CloudServer(store).gallery.id.hex() == facts[0]["id"]
    assert len(CloudServer(store)) == 1


def test_a_batch_cut_short_by_a_killed_server_is_taken_off(tmp_path):
    uploads, gallery = Uploads(tmp_path), Gallery(b"g" * 16, 48, b"c" * 32)
    identity = uploads.start(gallery, "clinic", "")
    uploads.take(identity, "clinic", 0, [item(1)])
    for name in ("rows", "names"):
        with (tmp_path / identity / name).open("ab") as file:
            file.write(b"half a row")
    again = Uploads(tmp_path)
    assert again.take(identity, "clinic", 1, [item(2)]) == 2
    state = again.state(identity, "clinic")
    (rows,) = again.rows(identity, state)
    assert [row.id for row in rows] == ["01" * 16, "02" * 16]
    assert len(again.names(identity, state)[0]) == 2


def test_names_of_a_batch_whose_state_found_no_room_are_not_known(tmp_path, monkeypatch):
    """Else its owner would pass over the pictures when going on, and they would be missing."""
    uploads, gallery = Uploads(tmp_path), Gallery(b"g" * 16, 48, b"c" * 32)
    identity = uploads.start(gallery, "clinic", "")
    uploads.take(identity, "clinic", 0, [item(1)])

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(uploads, "_save", no_room)
        with pytest.raises(OSError, match="No space"):
            uploads.take(identity, "clinic", 1, [item(2)])
    state = uploads.state(identity, "clinic")
    ids, digests = uploads.names(identity, state)
    assert (state.held, [one.hex() for one in ids]) == (1, ["01" * 16])
    assert digests == {bytes([1]) * 16}


def test_what_is_never_committed_goes_after_a_day(tmp_path):
    uploads = Uploads(tmp_path)
    old, new = (uploads.start(Gallery(b"g" * 16, 48, b"c" * 32), "clinic", "") for _ in range(2))
    then = time.time() - 25 * 3600
    for path in (tmp_path / old).iterdir():
        os.utime(path, (then, then))
    assert uploads.sweep() == 1
    assert [path.name for path in tmp_path.iterdir()] == [new]
    assert (tmp_path / new).stat().st_mode & 0o777 == 0o700


def test_a_thousand_rows_are_not_held_in_memory(cloud, line, key, hasher):
    """Bodies have a few megabytes however large the upload is."""
    sent = []
    upload = RemoteUpload.__new__(RemoteUpload)
    upload._put = lambda items: sent.append(sum(map(len, items)))
    upload([SealedPicture(f"{n:032x}", b"c" * 6, b"r", bytes(3_000_000)) for n in range(9)])
    assert len(sent) == 5
    assert max(sent) <= 8 * 1024 * 1024


def item(number):
    return pack_row(SealedPicture(f"{number:02x}" * 16, b"c" * 6, b"note", b"sealed", digest=bytes([number]) * 16))


def packed_row(identity):
    return pack([item(identity[0])])
