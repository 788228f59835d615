"""What a server holds in memory of a large store, and what one more picture costs there."""

import statistics
import time

import numpy as np
import pytest

from engine.retrieval import CloudServer, Gallery, HammingIndex, SealedPicture
from engine.retrieval.mirror import Mirror, nearest_rows
from engine.retrieval.stores.base import IndexRows, Snapshot, State

GALLERY = Gallery(b"g" * 16, 48, b"k" * 32)
CODE_BYTES = 8  # faiss keeps whole words


class Growing:
    """A store of nothing but what an index needs."""

    def __init__(self):
        self.rows = []
        self.reads = []

    def grow(self, count):
        rng = np.random.default_rng(len(self.rows))
        wide = [np.frombuffer(rng.bytes(count * width), np.uint8).reshape(count, width) for width in (16, 6, 24)]
        self.rows.append(wide)

    def glance(self):
        return GALLERY, State(sum(len(ids) for ids, _, _ in self.rows), len(self.rows))

    def following(self, after=-1):
        return Looking(self, after)


class Looking:
    def __init__(self, store, after):
        self.store, self.after = store, after

    def __enter__(self):
        ids, codes, sketches = (np.concatenate(column) for column in zip(*self.store.rows, strict=True))
        fresh = len(ids) - self.after - 1
        self.store.reads.append(fresh)
        rest = slice(self.after + 1, None)
        rows = IndexRows(ids[rest], codes[rest], sketches[rest], len(ids) - 1)
        return Snapshot(GALLERY, State(len(ids), len(self.store.rows)), fresh, iter([rows] if fresh else []))

    def __exit__(self, *_):
        return False


def test_a_picture_takes_at_most_64_bytes_beside_its_code():
    import tracemalloc

    store, count = Growing(), 200_000
    store.grow(count)
    # Whatever is imported at first is not the store's.
    assert len(Mirror(store)) == count
    tracemalloc.start()
    mirror = Mirror(store)
    assert len(mirror) == count
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    # What faiss holds is not Python's, so it is not counted here: it is the codes.
    assert held <= 64 * count


def test_only_what_is_new_is_read():
    store = Growing()
    store.grow(1000)
    mirror = Mirror(store)
    assert len(mirror) == 1000
    store.grow(3)
    assert len(mirror) == 1003
    assert len(mirror.rows().ids) == 1003
    # The first look compares nothing with 1000 rows and begins anew; where nothing has changed there is no other.
    assert store.reads == [1000, 1000, 3]


@pytest.mark.parametrize("count", [1, 7, 40])
def test_rows_of_one_distance_are_ordered_by_sketch_and_then_by_position(count):
    rng = np.random.default_rng(count)
    codes = rng.integers(0, 2, (count, 1), dtype=np.uint8)
    sketches = rng.integers(0, 2, (count, 24), dtype=np.uint8)
    query, sketch = codes[0], sketches[0]
    for k, most in ((1, 1), (3, 100), (count, count)):
        positions, distances, apart = nearest_rows(HammingIndex(8).add(codes), sketches, query, k, most, sketch)
        keys = sorted(
            (int((codes[n] != query).sum()), int(np.unpackbits(sketches[n] ^ sketch).sum()), n) for n in range(count)
        )
        reach = keys[: min(k, count)][-1][0]
        expected = [key for key in keys if key[0] <= reach][: max(k, most)]
        assert list(zip(distances.tolist(), apart.tolist(), positions.tolist(), strict=True)) == expected


def test_one_more_picture_costs_no_more_in_a_larger_store(tmp_path):
    """A look-up and an append: their medians differ by no more than a machine's mood."""
    medians = []
    for count in (200, 20_000):
        server = CloudServer(tmp_path / f"{count}.db")
        add(server, range(count))
        times = []
        for number in range(count, count + 15):
            start = time.perf_counter()
            server.known([number.to_bytes(16)])
            add(server, [number])
            times.append(time.perf_counter() - start)
        medians.append(statistics.median(times))
    assert medians[1] < 5 * medians[0] + 0.02


def add(server, numbers):
    rows = [
        SealedPicture(f"{n * 2654435761 % 2**128:032x}", n.to_bytes(6), b"n", b"p", digest=n.to_bytes(16))
        for n in numbers
    ]
    with server.receiving(GALLERY) as append:
        append(rows)
