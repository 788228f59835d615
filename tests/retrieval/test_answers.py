"""What a lying server gets away with: nothing that a user can tell, and with ``verify`` nothing at all."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.retrieval import CloudServer, DataOwner, DataUser, Neighbour, StoreError
from engine.retrieval.answers import check_answer
from tests.retrieval.conftest import BlockHasher, DescribingHasher, make_pictures

COUNT, TOP = 30, 5


class LyingServer(CloudServer):
    """An honest server whose answers are altered before they leave."""

    def lie(self, near=lambda rows, everything: rows, hits=lambda hits: hits, rows=lambda rows: rows, state=None):
        self._near, self._hits, self._rows_, self._state = near, hits, rows, state

    def nearest(self, code, k, most=1000, sketch=None):
        everything = super().nearest(code, COUNT, COUNT, sketch)
        return self._near(super().nearest(code, k, most, sketch), everything)

    def fetch(self, chosen):
        return self._hits(super().fetch(chosen))

    def index_rows(self):
        return self._rows_(super().index_rows())

    @property
    def state(self):
        return self._state(super().state) if self._state else super().state


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    path = tmp_path_factory.mktemp("lies") / "vault.db"
    key, server = b"a key of thirty-two bytes, only!", LyingServer(path)
    server.lie()
    owner = DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher)
    list(owner.upload(make_pictures(COUNT)))
    return server, owner


@pytest.fixture
def server(sealed):
    sealed[0].lie()
    return sealed[0]


@pytest.fixture
def search(sealed, server):
    user = DataUser(sealed[1], server)
    query = make_pictures(4)[3].load()
    return lambda **options: user.search(query, TOP, **options)


def test_the_truth_is_believed_and_proved(search):
    assert [r.id for r in search()] == [r.id for r in search(verify=True)]
    assert search()[0].name == make_pictures(4)[3].name


# What a user sees without help.
OPEN_LIES = {
    "no answer": lambda rows, _: [],
    "too few": lambda rows, _: rows[: TOP - 1],
    "one row repeated": lambda rows, _: rows[:1] * TOP,
    "reversed": lambda rows, everything: everything[TOP - 1 :: -1],
    "more than asked for": lambda rows, everything: everything,
}


@pytest.mark.parametrize("lie", OPEN_LIES)
def test_an_answer_that_cannot_be_one_is_refused(search, server, lie):
    server.lie(near=OPEN_LIES[lie])
    with pytest.raises(AuthenticationError, match="answer (names|is out of order)"):
        search()


# What is consistent in itself, and wrong.
HIDDEN_LIES = {
    "the farthest rows": lambda rows, everything: everything[-TOP:],
    "the best left out": lambda rows, everything: everything[1 : TOP + 1],
    "one in the middle left out": lambda rows, everything: [*everything[:2], *everything[3 : TOP + 1]],
}


@pytest.mark.parametrize("lie", HIDDEN_LIES)
def test_a_wrong_answer_is_refused_when_it_is_verified(search, server, lie):
    server.lie(near=HIDDEN_LIES[lie])
    with pytest.raises(AuthenticationError, match="not of the nearest"):
        search(verify=True)


ROW_LIES = {
    "a row is hidden": lambda rows: replace(rows, ids=rows.ids[1:], codes=rows.codes[1:], sketches=rows.sketches[1:]),
    "a row twice": lambda rows: replace(rows, ids=np.concatenate([rows.ids[:1], rows.ids[:-1]])),
    "another code": lambda rows: replace(rows, codes=rows.codes ^ 1),
    "another sketch": lambda rows: replace(rows, sketches=rows.sketches ^ 1),
    "exchanged ids": lambda rows: replace(rows, ids=rows.ids[::-1]),
}


@pytest.mark.parametrize("lie", ROW_LIES)
def test_rows_that_are_not_the_owner_s_prove_nothing(search, server, lie):
    server.lie(rows=ROW_LIES[lie])
    with pytest.raises(AuthenticationError, match="not those of the owner's receipt"):
        search(verify=True)


HANDED_OUT = {
    "others": lambda hits: [replace(hits[0], id=hits[1].id), *hits[1:]],
    "fewer": lambda hits: hits[:-1],
    "in another order": lambda hits: hits[::-1],
    "ranks reversed": lambda hits: [replace(hit, rank=len(hits) - n) for n, hit in enumerate(hits)],
    "another distance": lambda hits: [replace(hits[0], distance=hits[0].distance + 1), *hits[1:]],
}


@pytest.mark.parametrize("lie", HANDED_OUT)
def test_pictures_that_were_not_asked_for_are_refused(search, server, lie):
    server.lie(hits=HANDED_OUT[lie])
    with pytest.raises(AuthenticationError, match="other pictures than were asked for"):
        search()


@pytest.mark.parametrize("change", [{"epoch": 0}, {"count": COUNT - 1}])
def test_a_store_that_says_it_is_older_is_refused(search, server, change):
    server.lie(state=lambda state: replace(state, **change))
    with pytest.raises(AuthenticationError, match="was set back or has lost rows"):
        search()


def test_a_store_that_is_ahead_of_the_receipt_is_searched(search, server):
    server.lie(state=lambda state: replace(state, count=state.count + 1, epoch=state.epoch + 1))
    assert len(search()) == TOP


def test_an_older_copy_of_the_store_is_noticed(tmp_path, key):
    """The whole file set back, as from last week's backup."""
    path, hasher = tmp_path / "vault.db", BlockHasher()
    server = CloudServer(path)
    owner = DataOwner(key, server, hasher, cipher=AesGcmCipher)
    list(owner.upload(make_pictures(6)))
    shutil.copy(path, tmp_path / "old.db")
    list(owner.upload(make_pictures(8)))
    shutil.copy(tmp_path / "old.db", path)
    with pytest.raises(AuthenticationError, match="was set back or has lost rows"):
        DataUser(owner, CloudServer(path)).search(make_pictures(1)[0].load())


def test_without_a_receipt_nothing_is_proved(tmp_path, key, hasher):
    server = CloudServer(tmp_path / "vault.db")
    list(DataOwner(key, server, hasher, cipher=AesGcmCipher).upload(make_pictures(3)))
    user = DataUser(DataOwner(key, server, hasher), server)
    assert len(user.search(make_pictures(1)[0].load())) == 3
    with pytest.raises(StoreError, match="no receipt of this store to verify with"):
        user.search(make_pictures(1)[0].load(), verify=True)


def test_as_many_as_lie_as_near_may_be_named():
    near = [Neighbour(f"{n:032x}", 2) for n in range(9)]
    check_answer(near, 3, count=9)
    check_answer(near[:3], 3, count=9)
    with pytest.raises(AuthenticationError, match="not asked for"):
        check_answer([*near, Neighbour("x", 3)], 3, count=20)
    with pytest.raises(AuthenticationError, match="not asked for"):
        check_answer(near, 3, count=9, most=5)


def test_a_damaged_note_blocks_nothing_else(tmp_path, key):
    import sqlite3
    from contextlib import closing

    server = CloudServer(tmp_path / "vault.db")
    owner = DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher)
    list(owner.upload(make_pictures(6)))
    damaged = next(row.id for row in server.records())
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection, connection:
        connection.execute("UPDATE sealed SET record = zeroblob(540) WHERE position = 0")
    assert list(owner.upload(make_pictures(7)))[-1].added == 1
    user = DataUser(owner, server)
    with pytest.raises(AuthenticationError, match="was changed since its owner uploaded it"):
        user.search(make_pictures(1)[0].load(), k=7)
    found = user.search(make_pictures(1)[0].load(), k=7, damaged="skip")
    assert {result.id for result in found} == {row.id for row in server.records()} - {damaged}
