"""A few writers are killed here; ``benchmarks/vault.py`` kills thirty."""

import os

from engine.retrieval import open_store
from tests.retrieval.stores.engines import append_all, make_rows
from tests.retrieval.stores.killing import survive


def test_killed_writers_of_a_file_lose_nothing_and_leave_nothing(sqlite_address):
    assert survive(sqlite_address, kills=3) > 0
    store = open_store(sqlite_address)
    # A journal that had not begun yet is nobody's: readers pass it over, and the next writer takes it away.
    append_all(store, make_rows(1, start=1_000_000))
    assert os.listdir(store.path.parent) == [store.path.name]


def test_killed_writers_of_a_database_lose_nothing(postgresql_address):
    assert survive(postgresql_address, kills=2) > 0
