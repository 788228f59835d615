"""A search over real sockets, followed: what crossed is what the roles did; a secret that crosses would be found."""

import json
import threading

import numpy as np
import pytest

from engine.retrieval import Picture, StoreError
from engine.serving import followed
from engine.serving.errors import ServingError
from engine.serving.followed import follow
from engine.serving.tap import Wire
from tests.retrieval.conftest import DescribingHasher, make_pictures

COUNT = 9


@pytest.fixture(scope="module")
def search():
    pictures = make_pictures(COUNT)
    return follow(pictures, pictures[4].load(), DescribingHasher(), 3)


def asked(search, party, path):
    return [one for one in search.exchanges if one.party == party and one.path.startswith(path)]


def test_the_picture_is_found_and_opened(search):
    assert [one.rank for one in search.results] == [1, 2, 3]
    assert np.array_equal(search.results[0].image, make_pictures(COUNT)[4].load())
    assert search.results[0].distance == 0


def test_every_request_and_answer_is_there_in_order(search):
    assert {one.status for one in search.exchanges} <= {200, 201}
    uploads = [(one.method, one.path.partition("?")[0].split("/")[-1]) for one in asked(search, "owner", "/v1/uploads")]
    assert uploads[0] == ("POST", "uploads")
    assert uploads[-1] == ("POST", "commit")
    assert {("PUT", "rows")} == set(uploads[1:-1])
    (question,) = asked(search, "user", "/v1/search")
    body = json.loads(question.sent)
    assert set(body) == {"code", "k", "most", "sketch"}
    near = json.loads(question.received)
    assert {one.id for one in search.results} <= {one["id"] for one in near}
    assert search.exchanges.index(question) > search.exchanges.index(asked(search, "owner", "/v1/uploads")[-1])
    assert sum(one.size for one in search.exchanges) == search.crossed
    assert len(asked(search, "user", "/v1/pictures")[0].received) > 3 * 48 * 64


def test_the_user_never_asks_what_is_the_owner_s(search):
    assert not asked(search, "user", "/v1/records")
    assert not asked(search, "user", "/v1/uploads")


def test_no_secret_crossed_and_one_that_does_is_told(search, monkeypatch):
    assert search.told == ()
    pictures, heard = make_pictures(3), Wire.hear

    def leaking(wire, party, direction, data):
        heard(wire, party, direction, data)
        if b"/v1/search" in data:
            heard(wire, party, direction, pictures[1].load().tobytes() + pictures[2].name.encode())

    monkeypatch.setattr(Wire, "exchanges", lambda _: [])
    monkeypatch.setattr(Wire, "hear", leaking)
    assert follow(pictures, pictures[0].load(), DescribingHasher(), 1).told == ("pixels", "name")


def test_nothing_listens_and_nothing_runs_afterwards(search):
    assert not [one for one in threading.enumerate() if "Server.run" in str(one)]


def test_missing_packages_and_no_pictures_are_sentences(monkeypatch):
    with pytest.raises(StoreError, match="no picture to upload"):
        follow([], np.zeros((48, 64), np.uint8), DescribingHasher())
    monkeypatch.setattr(followed, "find_spec", lambda name: None if name == "prometheus_client" else name)
    with pytest.raises(ServingError, match=r"requirements-server\.txt"):
        follow([Picture("x", lambda: None, None)], np.zeros((48, 64), np.uint8), DescribingHasher())
