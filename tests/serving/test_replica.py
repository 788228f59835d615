import numpy as np
import pytest

from engine.encryption import AesGcmCipher
from engine.retrieval import CloudServer, DataOwner, StoreError
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.replica import Replica
from tests.retrieval.conftest import make_pictures


def same(replica, server, k=3):
    for row in server.records():
        code, sketch = np.frombuffer(row.code, np.uint8), np.frombuffer(row.sketch, np.uint8)
        for asked in (None, sketch):
            near = server.nearest(code, k, 1000, asked)
            assert replica.named(code, k, 1000, asked) == {one.id for one in near}
    return True


def test_it_names_what_the_server_names_however_that_changes(filled, store, key, hasher):
    server, replica = CloudServer(store), Replica(RemoteCloud(filled.transport("owner")))
    assert same(replica, server)
    list(DataOwner(key, server, hasher, cipher=AesGcmCipher).upload(make_pictures(5, seed=3)))
    assert same(replica, server)
    server.remove([row.id for row in server.records()[:4]])
    assert same(replica, server)


def test_it_asks_the_cloud_no_question(filled, store):
    replica = Replica(RemoteCloud(filled.transport("owner")))
    replica.named(np.frombuffer(CloudServer(store).records()[0].code, np.uint8), 3, 10)
    assert not [line for line in filled.lines() if line.get("route") in ("/v1/search", "/v1/within")]


def test_codes_and_sketches_of_another_length_are_refused(filled):
    replica = Replica(RemoteCloud(filled.transport("owner")))
    with pytest.raises(StoreError, match="48-bit codes"):
        replica.named(np.zeros(7, np.uint8), 1, 1)
    with pytest.raises(StoreError, match="sketch"):
        replica.named(np.zeros(6, np.uint8), 1, 1, np.zeros(3, np.uint8))


def test_a_server_in_this_process_is_not_held_twice(filled, store):
    server = CloudServer(store)
    replica = Replica(server)
    assert same(replica, server)
    assert replica._rows is None
