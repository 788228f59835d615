"""Galleries spread over two databases by PostgreSQL's own means: one address, two machines behind it."""

from urllib.parse import urlsplit

import numpy as np
import pytest

from engine.retrieval import CloudServer, Gallery, StoreError, open_store
from tests.retrieval.stores.engines import append_all, ids_of, make_rows, random_rows
from tests.services import postgresql

psycopg = pytest.importorskip("psycopg", reason="Shards are not tested: install requirements-server.txt")
NORTH, SOUTH = Gallery(b"n" * 16, 48, b"k" * 32), Gallery(b"s" * 16, 48, b"k" * 32)


@pytest.fixture(scope="module")
def shards(database):
    """Two servers; the first reaches a schema of the second through postgres_fdw."""
    with postgresql() as other:
        far = open_store(f"{other}?schema=south")
        append_all(far, random_rows(np.random.default_rng(1).integers(0, 4, (200, 6), dtype=np.uint8)), SOUTH)
        there = urlsplit(other)
        with psycopg.connect(database, autocommit=True) as here:
            here.execute("CREATE EXTENSION IF NOT EXISTS postgres_fdw")
            here.execute(
                "CREATE SERVER shard FOREIGN DATA WRAPPER postgres_fdw "
                f"OPTIONS (host '{there.hostname}', port '{there.port}', dbname 'postgres')"
            )
            here.execute(f"CREATE USER MAPPING FOR CURRENT_USER SERVER shard OPTIONS (user '{there.username}')")
            here.execute("CREATE SCHEMA south")
            here.execute("IMPORT FOREIGN SCHEMA south FROM SERVER shard INTO south")
        yield database, far


@pytest.mark.parametrize("search", ["memory", "sql"])
def test_a_gallery_on_another_machine_is_searched_as_if_it_were_here(shards, search):
    database, far = shards
    near, direct = CloudServer(open_store(f"{database}?schema=south&search={search}")), CloudServer(far)
    for query in np.random.default_rng(2).integers(0, 4, (5, 6), dtype=np.uint8):
        assert near.nearest(query, 10) == direct.nearest(query, 10)
    wanted = [one.id for one in near.nearest(query, 3)]
    assert near.pictures(wanted) == direct.pictures(wanted)
    assert [row.record for row in near.records(wanted)] == [row.record for row in direct.records(wanted)]


def test_galleries_of_both_machines_stand_side_by_side_and_grow(shards):
    database, far = shards
    north, south = open_store(f"{database}?schema=north_{id(far)}"), open_store(f"{database}?schema=south")
    append_all(north, random_rows(np.zeros((3, 6), np.uint8)), NORTH)
    before = far.state().count
    append_all(south, random_rows(np.ones((2, 6), np.uint8)), SOUTH)
    assert (north.gallery(), north.state().count) == (NORTH, 3)
    assert (far.gallery(), far.state().count, len(ids_of(far))) == (SOUTH, before + 2, before + 2)
    assert make_rows(1)[0].id not in ids_of(south)


def test_a_gallery_on_another_machine_is_not_renewed_from_here(shards):
    """The rows over there would stay, under the masks that were to be taken back."""
    database, far = shards
    with pytest.raises(StoreError, match="lies in another database: run this with the address of that one"):
        open_store(f"{database}?schema=south").successor()
    assert far.successor().gallery() is None
