"""The cloud server: it keeps what it cannot read, and finds what is near without knowing what it is."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from os import PathLike
from threading import Lock

import numpy as np
import numpy.typing as npt

from engine.retrieval.index import HammingIndex
from engine.retrieval.stores import Append, Gallery, SealedRecord, StoreError, check_code_length, open_store

MOST_NEIGHBOURS = 1000


@dataclass(frozen=True)
class Neighbour:
    """A row that is near a query.

    Attributes:
        id: opaque, 32 hexadecimal digits.
        distance: Hamming distance of its masked code to the masked query, in bits.
    """

    id: str
    distance: int


@dataclass(frozen=True)
class Hit:
    """One row of the server's answer.

    Attributes:
        id: opaque, 32 hexadecimal digits.
        distance: Hamming distance of its masked code to the masked query, in bits.
        rank: 1 for the nearest.
        sealed: the sealed picture.
    """

    id: str
    distance: int
    rank: int
    sealed: bytes = field(repr=False)


class CloudServer:
    """Holds sealed pictures and masked codes, and answers top-k queries; safe to share between threads.

    It does what it is asked and remembers what it sees: sealed pictures and their sizes, masked codes,
    which rows each query returns, and who asks again.
    """

    def __init__(self, uri: str | PathLike[str]) -> None:
        """Serve the store at an address; it need not exist until an owner uploads.

        Args:
            uri: a file path or ``sqlite:///path``; see :func:`open_store`.

        Raises:
            StoreError: an unknown address, or no store there.
        """
        self._store = open_store(uri)
        self._lock = Lock()
        self._held: Gallery | None = None
        self._ids: list[str] = []
        self._index = HammingIndex(8)

    def __len__(self) -> int:
        """Number of pictures held."""
        if self.gallery is None:
            return 0
        with self._lock:
            self._refresh()
            return len(self._ids)

    @property
    def gallery(self) -> Gallery | None:
        """Public facts of the gallery held, or None before the first upload."""
        return self._store.gallery()

    def top_k(self, code: npt.NDArray[np.uint8], k: int) -> list[Hit]:
        """Find the pictures whose masked codes are nearest.

        Args:
            code: ``(bits // 8,)`` uint8, masked.
            k: how many, at least 1; all when the server holds fewer.

        Returns:
            Hits by distance, equal distances in the order of upload.

        Raises:
            StoreError: nothing is stored, ``k`` is below 1, or the code has another length.
        """
        return self.fetch(self.nearest(code, k, most=k))

    def nearest(self, code: npt.NDArray[np.uint8], k: int, most: int = MOST_NEIGHBOURS) -> list[Neighbour]:
        """Name the ``k`` nearest rows and all others that lie as near as the last of them.

        Args:
            code: ``(bits // 8,)`` uint8, masked.
            k: how many, at least 1; all when the server holds fewer.
            most: how many to name at most, if that is more than ``k``.

        Returns:
            Rows by distance, equal distances in the order of upload.

        Raises:
            StoreError: nothing is stored, ``k`` is below 1, or the code has another length.
        """
        query = np.reshape(code, (1, -1))
        if k < 1:
            raise StoreError(f"A search returns at least 1 picture, not {k}: ask for more.")
        with self._lock:
            self._refresh()
            check_code_length(query, self._index.bits)
            distances, positions = (row[0] for row in self._index.search(query, max(k, most)))
            as_near = distances <= distances[:k].max(initial=0)
            return [
                Neighbour(self._ids[n], int(d)) for n, d in zip(positions[as_near], distances[as_near], strict=True)
            ]

    def fetch(self, chosen: Sequence[Neighbour]) -> list[Hit]:
        """Hand out the sealed pictures of chosen rows, ranked in the order in which they are given.

        Raises:
            StoreError: nothing is stored, or an id is unknown.
        """
        sealed = self._store.pictures([one.id for one in chosen])
        pairs = zip(chosen, sealed, strict=True)
        return [Hit(one.id, one.distance, rank, picture) for rank, (one, picture) in enumerate(pairs, 1)]

    def records(self, ids: list[str] | None = None) -> list[SealedRecord]:
        """Hand the owner its sealed records of ``ids``, or all of them.

        Raises:
            StoreError: nothing is stored, or an id is unknown.
        """
        return self._store.records(ids)

    def pictures(self, ids: list[str]) -> list[bytes]:
        """Hand out sealed pictures by id.

        Raises:
            StoreError: nothing is stored, or an id is unknown.
        """
        return self._store.pictures(ids)

    def receiving(self, gallery: Gallery) -> AbstractContextManager[Append]:
        """Receive an upload, all of it or none; see :meth:`Store.appending`."""
        return self._store.appending(gallery)

    def _refresh(self) -> None:
        """Read what was appended since the last look, by this process or another."""
        gallery = self._store.gallery()
        if gallery is not None and gallery != self._held:
            self._held, self._ids, self._index = gallery, [], HammingIndex(gallery.bits)
        ids, codes = self._store.codes(start=len(self._ids))
        self._index.add(codes)
        self._ids += ids
