"""What every engine of a store promises."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.retrieval import CloudServer, Gallery, HammingIndex, State, StoreError, open_store
from tests.retrieval.stores.engines import (
    GALLERY,
    append_all,
    append_and_fail,
    codes_of,
    ids_of,
    make_rows,
    random_rows,
)


@pytest.fixture
def filled(store):
    with store.appending(GALLERY) as append:
        append(make_rows(3))
        append(make_rows(2, start=3))
    return store


def test_nothing_is_there_before_the_first_append(store):
    assert store.gallery() is None
    assert not store.outdated
    for look in (store.state, ids_of, lambda: store.known([b"d" * 16]), lambda: store.records([])):
        with pytest.raises(StoreError, match="There is no store"):
            look(store) if look is ids_of else look()


def test_rows_come_back_in_order_and_by_id(filled, address):
    rows, again = make_rows(5), open_store(address)
    assert again.gallery() == GALLERY
    assert ids_of(again) == [row.id for row in rows]
    assert codes_of(again) == [list(row.code) for row in rows]
    kept = [(one.id, one.code, one.record, one.digest, one.sketch) for one in again.records()]
    assert kept == [(one.id, one.code, one.record, one.digest, one.sketch) for one in rows]
    assert [one.code for one in again.records([rows[4].id, rows[0].id])] == [rows[4].code, rows[0].code]
    assert again.pictures([rows[2].id, rows[2].id, rows[1].id]) == [rows[2].sealed] * 2 + [rows[1].sealed]
    assert again.records([]) == again.pictures([]) == []


def test_an_index_follows_from_any_position(filled):
    with filled.following() as snapshot:
        (first,) = snapshot.rows
    append_all(filled, make_rows(2, start=5))
    with filled.following(first.last) as snapshot:
        (fresh,) = snapshot.rows
        assert (snapshot.gallery, snapshot.state.count, snapshot.fresh) == (GALLERY, 7, 2)
    assert fresh.codes.tolist() == [[0, 5], [0, 6]]
    assert fresh.sketches.tolist() == [list(number.to_bytes(24)) for number in (5, 6)]
    with filled.following(fresh.last) as snapshot:
        assert (snapshot.fresh, list(snapshot.rows)) == (0, [])


def test_what_an_owner_leaves_out_is_left_out(store):
    append_all(store, [replace(row, digest=b"", sketch=b"") for row in make_rows(2)])
    assert [(row.digest, row.sketch) for row in store.records()] == [(b"", b"")] * 2
    with store.following() as snapshot:
        assert not next(snapshot.rows).sketches.any()


def test_many_rows_are_asked_for_at_once(store, address):
    rows = make_rows(30 if "s3://" in address else 1200)
    append_all(store, rows)
    wanted = [row.id for row in rows[::-1]]
    assert [row.id for row in store.records(wanted)] == wanted
    assert store.pictures(wanted) == [row.sealed for row in rows[::-1]]
    assert store.known([row.digest for row in rows] + [b"x" * 16]) == {row.digest for row in rows}


def test_counters_tell_what_changed(filled):
    assert filled.state() == State(5, 1)
    append_all(filled, make_rows(1, start=5))
    assert filled.state() == State(6, 2)
    filled.remove([make_rows(1)[0].id])
    assert filled.state() == State(5, 3)
    append_all(filled, [])
    assert filled.state() == State(5, 3)


def test_a_new_store_is_empty_until_the_append_ends(store, address):
    with store.appending(GALLERY) as append:
        append(make_rows(3))
        assert open_store(address).state().count == 0
    assert open_store(address).state().count == 3


def test_a_failed_first_append_leaves_nothing(store):
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(store, make_rows(3))
    assert store.gallery() is None


def test_a_failed_later_append_changes_nothing(filled):
    with pytest.raises(ValueError, match="boom"):
        append_and_fail(filled, make_rows(3, start=10))
    again = replace(make_rows(1)[0], digest=b"other".ljust(16))
    with pytest.raises(StoreError, match="already holds"):
        append_all(filled, [*make_rows(1, start=20), again])
    assert len(ids_of(filled)) == 5
    assert filled.state() == State(5, 1)


def test_an_error_of_the_caller_stays_the_callers(store):
    with pytest.raises(FileNotFoundError), store.appending(GALLERY):
        open("/does/not/exist")  # noqa: SIM115


def test_two_writers_do_not_wait_for_each_other_and_store_a_duplicate_once(filled):
    with filled.appending(GALLERY) as slow:
        others = [replace(row, id=row.id.replace("0", "f", 1)) for row in make_rows(4, start=5)]
        slow(others)
        quick = append_all(filled, make_rows(3, start=7))
    assert list(quick.lost) == []
    assert sorted(slow.lost) == [row.id for row in others[2:]]
    assert sorted(ids_of(filled)) == sorted(row.id for row in [*make_rows(5), *others[:2], *make_rows(3, start=7)])


def test_rows_that_are_sent_again_after_a_lost_answer_are_there_once_and_not_lost(filled):
    again = append_all(filled, make_rows(7))
    assert list(again.lost) == []
    assert ids_of(filled) == [row.id for row in make_rows(7)]
    assert filled.pictures([row.id for row in make_rows(7)]) == [row.sealed for row in make_rows(7)]


def test_two_first_appends_become_one_gallery(store, address):
    inside, done = threading.Event(), threading.Event()

    def slow():
        with open_store(address).appending(Gallery(b"h" * 16, 16, b"k" * 32)) as append:
            inside.set()
            done.wait(60)
            append(make_rows(1))
        return append.gallery

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(slow)
        assert inside.wait(60)
        with store.appending(GALLERY) as append:
            append(make_rows(2, start=1))
        done.set()
        assert job.result() == append.gallery == store.gallery()
    assert sorted(ids_of(store)) == [row.id for row in make_rows(3)]


def test_a_gallery_outlives_the_upload_that_made_it(store, address):
    """The first of two uploads fails while the second waits to end: the second's rows are stored nevertheless."""
    failing = store.appending(GALLERY)
    failing.__enter__()
    with open_store(address).appending(Gallery(b"h" * 16, 16, b"k" * 32)) as append:
        assert append.gallery == GALLERY
        append(make_rows(2))
        assert not failing.__exit__(ValueError, ValueError("boom"), None)
    assert store.gallery() == GALLERY
    assert len(ids_of(store)) == 2


def test_threads_may_read_while_others_append(filled):
    def read():
        for _ in range(10):
            ids = ids_of(filled)
            assert filled.pictures(ids[:1]) == [b"picture 0"]

    def write(start):
        for number in range(start, start + 5):
            append_all(filled, make_rows(1, start=number))

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(read) for _ in range(2)] + [pool.submit(write, start) for start in (20, 40)]
        for job in jobs:
            job.result()
    assert len(ids_of(filled)) == 15


def test_removed_rows_are_gone_and_their_positions_are_not_given_again(filled):
    rows = make_rows(5)
    with filled.following() as snapshot:
        (before,) = snapshot.rows
    filled.remove([rows[4].id, rows[1].id])
    assert ids_of(filled) == [rows[0].id, rows[2].id, rows[3].id]
    assert filled.known([rows[1].digest]) == set()
    for look in (filled.records, filled.pictures):
        with pytest.raises(StoreError, match="holds no picture"):
            look([rows[1].id])
    append_all(filled, make_rows(1, start=4))
    with filled.following(before.last) as snapshot:
        assert snapshot.fresh == 1


def test_removing_is_all_or_none(filled):
    with pytest.raises(StoreError, match="holds no picture"):
        filled.remove([make_rows(1)[0].id, "ff" * 16])
    with pytest.raises(StoreError, match="holds no picture"):
        filled.remove(["f"])
    assert filled.state() == State(5, 1)


def test_unknown_ids_are_named(filled):
    for look in (filled.records, filled.pictures):
        for identity in ("ff" * 16, "ff", "zz" * 16):
            with pytest.raises(StoreError, match=f'holds no picture "{identity}"'):
                look([identity])


def test_malformed_rows_are_refused(filled):
    (row,) = make_rows(1, start=9)
    for wrong in ({"code": b"123"}, {"id": "nine"}, {"digest": b"short"}, {"sketch": b"short"}):
        with pytest.raises(StoreError):
            append_all(filled, [replace(row, **wrong)])
    assert filled.state().count == 5


def test_a_successor_takes_the_place_of_a_store_at_once(filled, address):
    other = Gallery(b"o" * 16, 16, b"x" * 32)
    after = filled.successor()
    append_all(after, make_rows(2), other)
    append_all(filled.successor(), make_rows(1, start=2), other)
    assert filled.gallery() == GALLERY
    with pytest.raises(StoreError, match="changed meanwhile"):
        filled.succeed(epoch=0)
    server = CloudServer(open_store(address))
    assert len(server.index_rows().ids) == 5
    filled.succeed(filled.state().epoch)
    assert (filled.gallery(), filled.state().count) == (other, 3)
    assert filled.state().epoch > 1
    assert filled.successor().gallery() is None
    assert len(server.index_rows().ids) == 3


def test_a_discarded_store_is_gone(filled, address):
    filled.discard()
    filled.discard()
    assert open_store(address).gallery() is None


def test_servers_of_one_store_see_each_other_s_changes(filled, address):
    servers = [CloudServer(open_store(address)) for _ in range(2)]
    query = np.array([0, 9], np.uint8)
    for server in servers:
        assert server.nearest(query, 1)[0].distance == 1
    append_all(filled, make_rows(1, start=9))
    assert [server.nearest(query, 1)[0].distance for server in servers] == [0, 0]
    filled.remove([make_rows(1, start=9)[0].id])
    assert [server.nearest(query, 1)[0].distance for server in servers] == [1, 1]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.sampled_from([2, 6, 8, 16, 124]), count=st.integers(1, 40), k=st.integers(1, 12), seed=st.integers(0, 9)
)
def test_a_server_answers_as_the_index_does(address, width, count, k, seed):
    rng = np.random.default_rng(seed)
    # Few values, so that many are equally near.
    codes = rng.integers(0, 4, (count, width), dtype=np.uint8)
    store = open_store(address)
    store.discard()
    rows = random_rows(codes)
    append_all(store, rows, Gallery(b"g" * 16, 8 * width, b"k" * 32))
    query = rng.integers(0, 4, width, dtype=np.uint8)
    distances, positions = (found[0] for found in HammingIndex(8 * width).add(codes).search(query[None], k))
    hits = CloudServer(store).top_k(query, k)
    assert [hit.distance for hit in hits] == distances.tolist()
    assert [hit.id for hit in hits] == [rows[position].id for position in positions]
