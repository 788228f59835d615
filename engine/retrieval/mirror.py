"""A store's ids, codes and sketches in memory, kept up with it: what a server searches."""

from threading import Lock

import numpy as np
import numpy.typing as npt

from engine.retrieval.index import HammingIndex
from engine.retrieval.stores.base import (
    ID_BYTES,
    SKETCH_BYTES,
    Gallery,
    IndexRows,
    Snapshot,
    State,
    Store,
    check_code_length,
)

_GROWTH = 1.125


class Mirror:
    """An exact index of a store, which reads what is new before it answers; safe to share between threads.

    Beside the codes it holds 16 bytes of id and the sketch of each row, in arrays that grow by an eighth.
    """

    def __init__(self, store: Store) -> None:
        """Hold nothing yet.

        Args:
            store: what to keep up with.
        """
        self._store = store
        self._lock = Lock()
        self._gallery: Gallery | None = None
        self._seen: tuple[Gallery, State] | None = None
        self._clear(8)

    def __len__(self) -> int:
        """Number of rows held by the store."""
        with self._lock:
            self._refresh()
            return len(self._ids)

    def nearest(
        self, code: npt.NDArray[np.uint8], k: int, most: int, sketch: npt.NDArray[np.uint8] | None = None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """The ``k`` nearest rows and all others that lie as near as the last of them.

        Args:
            code: ``(bits // 8,)`` uint8, masked.
            k: how many, at least 1.
            most: how many to return at most, if that is more than ``k``.
            sketch: ``(24,)`` uint8, masked, which orders equal distances; by position alone if not given.

        Returns:
            ids ``(M, 16)`` uint8 and distances ``(M,)`` int32, by distance, sketch and position.

        Raises:
            StoreError: nothing is stored, or the code has another length.
        """
        with self._lock:
            self._refresh()
            check_code_length(np.reshape(code, (1, -1)), self._index.bits)
            positions, distances, _ = nearest_rows(self._index, self._sketches.rows, code, k, most, sketch)
            return self._ids.rows[positions], distances

    def rows(self) -> IndexRows:
        """A copy of all that is held, in the order of positions.

        Raises:
            StoreError: nothing is stored, or the store is damaged.
        """
        return self.page(0, None)[1]

    def page(self, start: int, count: int | None) -> tuple[int, IndexRows]:
        """Number of all rows, and a copy of some of them, in the order of positions.

        Args:
            start: number of the first.
            count: how many at most; all that follow if None.

        Raises:
            StoreError: nothing is stored, or the store is damaged.
        """
        with self._lock:
            self._refresh()
            stop = len(self._ids) if count is None else start + count
            ids, sketches = (column.rows[start:stop].copy() for column in (self._ids, self._sketches))
            return len(self._ids), IndexRows(ids, self._index.codes(start, stop), sketches, self._last)

    def _refresh(self) -> None:
        """Read what was appended since the last look, or everything if rows went or codes changed."""
        if self._seen is not None and self._store.glance() == self._seen:
            return
        with self._store.following(self._last) as snapshot:
            if self._continues(snapshot):
                self._take(snapshot)
                return
        self._clear(8)
        with self._store.following() as snapshot:
            self._gallery = snapshot.gallery
            self._clear(snapshot.gallery.bits)
            self._take(snapshot)

    def _continues(self, snapshot: Snapshot) -> bool:
        """Whether the rows held are all of the store's but the fresh ones."""
        return snapshot.gallery == self._gallery and len(self._ids) + snapshot.fresh == snapshot.state.count

    def _clear(self, bits: int) -> None:
        self._index = HammingIndex(bits)
        self._ids, self._sketches = _Column(ID_BYTES), _Column(SKETCH_BYTES)
        self._last, self._seen = -1, None

    def _take(self, snapshot: Snapshot) -> None:
        """Read fresh rows; codes go to the index at once, for its memory doubles where it has to grow."""
        codes = _Column(self._index.bits // 8)
        try:
            for column in (self._ids, self._sketches, codes):
                column.reserve(snapshot.fresh)
            for rows in snapshot.rows:
                codes.add(rows.codes)
                self._ids.add(rows.ids)
                self._sketches.add(rows.sketches)
                self._last = rows.last
            self._index.add(codes.rows)
        except BaseException:
            # Not all of a row is here: begin anew.
            self._gallery = None
            self._clear(8)
            raise
        self._seen = (snapshot.gallery, snapshot.state)


def nearest_rows(
    index: HammingIndex,
    sketches: npt.NDArray[np.uint8],
    code: npt.NDArray[np.uint8],
    k: int,
    most: int,
    sketch: npt.NDArray[np.uint8] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Positions, distances and sketch distances of the nearest rows; see :meth:`Mirror.nearest`.

    Args:
        index: all codes.
        sketches: ``(N, 24)`` uint8.
        code: ``(bits // 8,)`` uint8.
        k: how many, at least 1.
        most: how many to return at most, if that is more than ``k``.
        sketch: ``(24,)`` uint8, or None.
    """
    distances, positions = index.as_near(code, k)
    apart = np.zeros(len(positions), np.uint8)
    if sketch is not None:
        apart = np.bitwise_count(sketches[positions] ^ sketch).sum(1, dtype=np.uint8)
    # Stable sorts, the lesser key first: radix sorts, for thousands of rows may share a code.
    order = np.argsort(apart, kind="stable")
    order = order[np.argsort(distances[order].astype(np.uint16), kind="stable")][: max(k, most)]
    return positions[order], distances[order], apart[order]


class _Column:
    """Rows of bytes that grow."""

    def __init__(self, width: int) -> None:
        self._room = np.empty((0, width), np.uint8)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> npt.NDArray[np.uint8]:
        """``(N, width)`` uint8."""
        return self._room[: self._count]

    def add(self, rows: npt.NDArray[np.uint8]) -> None:
        """Append ``(M, width)`` uint8."""
        self.reserve(len(rows))
        self._room[self._count : self._count + len(rows)] = rows
        self._count += len(rows)

    def reserve(self, more: int) -> None:
        """Make room for more rows; the first ones take no more than they need."""
        count = self._count + more
        if count > len(self._room):
            room = np.empty((max(count, int(len(self._room) * _GROWTH)), self._room.shape[1]), np.uint8)
            room[: self._count] = self.rows
            self._room = room
