"""The same roles over HTTP: a search far away finds what a search here finds."""

import time

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.retrieval import CloudServer, DataOwner, DataUser, StoreError
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.transport import RejectedError


@pytest.fixture
def here(agent, store, key, hasher):
    server = CloudServer(store)
    return DataOwner(key, server, hasher, cipher=AesGcmCipher), server


def test_a_search_far_away_is_a_search_here(remote, here, pictures):
    for picture in pictures[:4]:
        far = DataUser(*remote).search(picture.load(), k=5)
        near = DataUser(*here).search(picture.load(), k=5)
        assert [(r.id, r.rank, r.distance, r.name, r.label) for r in far] == [
            (r.id, r.rank, r.distance, r.name, r.label) for r in near
        ]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(far, near, strict=True))


def test_the_cloud_far_away_is_the_cloud_here(remote, here, filled):
    far, near = RemoteCloud(filled.transport("owner")), here[1]
    assert (far.gallery, far.state, len(far), far.outdated) == (near.gallery, near.state, len(near), near.outdated)
    assert far.records() == near.records()
    ids = [row.id for row in near.records()]
    assert far.pictures(ids[::-1]) == near.pictures(ids[::-1])
    code = np.frombuffer(near.records()[3].code, np.uint8)
    for k, most in ((1, 1), (3, 1000), (12, 12), (40, 5)):
        assert far.nearest(code, k, most) == near.nearest(code, k, most)
    assert far.top_k(code, 4) == near.top_k(code, 4)
    mine, theirs = far.index_rows(), near.index_rows()
    for name in ("ids", "codes", "sketches"):
        assert np.array_equal(getattr(mine, name), getattr(theirs, name))


def test_pages_of_rows_are_put_together(filled, monkeypatch, store):
    whole = CloudServer(store).index_rows()
    monkeypatch.setattr("engine.serving.remote_cloud.PAGE_ROWS", 5)
    paged = RemoteCloud(filled.transport("user")).index_rows()
    assert np.array_equal(paged.ids, whole.ids)
    assert np.array_equal(paged.codes, whole.codes)


def test_a_repeated_upload_adds_nothing(filled, key, hasher, pictures):
    server = RemoteCloud(filled.transport("owner"))
    owner = DataOwner(key, server, hasher, cipher=AesGcmCipher)
    assert list(owner.upload(pictures))[-1].added == 0
    assert len(server) == 12


def test_removing_far_away_removes(filled, store):
    server = RemoteCloud(filled.transport("owner"))
    ids = [row.id for row in server.records()]
    server.remove(ids[:3])
    assert [row.id for row in CloudServer(store).records()] == ids[3:]
    with pytest.raises(RejectedError, match="no such picture"):
        server.records([ids[0]])


def test_a_picture_changed_on_the_server_is_found_out(remote, filled, store, pictures, monkeypatch):
    real = RemoteCloud.pictures

    def exchanged(self, ids):
        first, second, *rest = real(self, ids)
        return [second, first, *rest]

    monkeypatch.setattr(RemoteCloud, "pictures", exchanged)
    with pytest.raises(AuthenticationError):
        DataUser(*remote).search(pictures[0].load(), k=3)


def test_nobody_is_given_what_no_search_named(remote, agent, filled, here):
    owner, cloud = remote
    ids = [row.id for row in here[1].records()]
    with pytest.raises(StoreError, match="No search"):
        owner.release(ids[:1])
    code = np.frombuffer(here[1].records()[0].code, np.uint8)
    cloud.nearest(code, 1)
    body = {"ids": ids, "search": {"code": code.tobytes().hex(), "k": 1}}
    body["search"]["code"] = (~code).tobytes().hex()
    assert agent.ask("POST", "/v1/release", "user", body | {"ids": ["0f" * 16]}).status == 403
    # The line is written once the answer is out.
    deadline = time.monotonic() + 10
    while not agent.lines() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert agent.lines()[-1]["status"] == 403
