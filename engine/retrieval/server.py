"""The cloud server: it keeps what it cannot open, and finds what is near by codes that tell it what is alike."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.retrieval.mirror import Mirror
from engine.retrieval.stores import Append, Gallery, IndexRows, SealedRecord, State, Store, StoreError, open_store

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

    It does what it is asked and remembers what it sees: sealed pictures and their sizes, masked codes and
    sketches, which rows each query returns, and who asks again.
    """

    def __init__(self, store: str | PathLike[str] | Store) -> None:
        """Serve a store; it need not exist until an owner uploads.

        Args:
            store: its address (see :func:`open_store`), or the store itself.

        Raises:
            StoreError: an unknown address, or no store there.
        """
        self._store = store if isinstance(store, Store) else open_store(store)
        self._mirror = Mirror(self._store)
        self._codes: Path | None = None

    def __len__(self) -> int:
        """Number of pictures held."""
        return self.state.count if self.gallery else 0

    @property
    def gallery(self) -> Gallery | None:
        """Public facts of the gallery held, or None before the first upload."""
        return self._store.gallery()

    @property
    def state(self) -> State:
        """How many pictures are held, and how often that changed.

        Raises:
            StoreError: nothing is stored.
        """
        return self._store.state()

    @property
    def where(self) -> str:
        """The address of the store without secrets; a receipt remembers what lay there."""
        return self._store.where

    @property
    def outdated(self) -> bool:
        """Whether the store has an earlier format, which takes no upload before ``DataOwner.upgrade``."""
        return self._store.outdated

    @property
    def here(self) -> bool:
        """Whether it searches in this process."""
        return True

    @property
    def resumes(self) -> bool:
        """Whether an upload broke off that is taken up again; in this process none does."""
        return False

    def remember(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        sketch: npt.NDArray[np.uint8] | None,
        near: "Sequence[Neighbour]",
    ) -> None:
        """Take down, on the asking side, what a search that the server could not see has found.

        A client of a far server does: the owner wants to know which search named a picture. Here nobody asks.
        """

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

    def nearest(
        self,
        code: npt.NDArray[np.uint8],
        k: int,
        most: int = MOST_NEIGHBOURS,
        sketch: npt.NDArray[np.uint8] | None = None,
    ) -> list[Neighbour]:
        """Name the ``k`` nearest rows and all others that lie as near as the last of them.

        Args:
            code: ``(bits // 8,)`` uint8, masked.
            k: how many, at least 1; all when the server holds fewer.
            most: how many to name at most, if that is more than ``k``.
            sketch: ``(SKETCH_BYTES,)`` uint8, masked; rows of equal distance are then named in the order of their
                sketches' distances to it, so that the most similar of many thousand equal codes are among them.

        Returns:
            Rows by distance, then by sketch, then in the order of upload.

        Raises:
            StoreError: nothing is stored, ``k`` is below 1, or the code or the sketch has another length.
        """
        if k < 1:
            raise StoreError(f"A search returns at least 1 picture, not {k}: ask for more.")
        searcher = self._store if self._store.searches else self._mirror
        ids, distances = searcher.nearest(np.ravel(code), k, most, sketch)
        return [Neighbour(row.tobytes().hex(), int(d)) for row, d in zip(ids, distances, strict=True)]

    def fetch(self, chosen: Sequence[Neighbour]) -> list[Hit]:
        """Hand out the sealed pictures of chosen rows, ranked in the order in which they are given.

        Raises:
            StoreError: nothing is stored, or an id is unknown.
        """
        sealed = self.pictures([one.id for one in chosen])
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

    def index_rows(self) -> IndexRows:
        """Hand out all ids, masked codes and sketches, with which a user checks an answer.

        Raises:
            StoreError: nothing is stored.
        """
        return self._mirror.rows()

    def index_page(self, start: int, count: int) -> tuple[int, IndexRows]:
        """Number of all rows, and some of what :meth:`index_rows` hands out.

        Args:
            start: number of the first row.
            count: how many at most.

        Raises:
            StoreError: nothing is stored.
        """
        return self._mirror.page(start, count)

    def private_answer(self, question: bytes) -> bytes:
        """Answer a private question without learning it; see :func:`engine.private.answer`.

        Raises:
            StoreError: nothing is stored.
            PrivateSearchError: the question cannot be used, it is about encrypted codes and none are here, or TenSEAL
                is not installed.
        """
        from engine.private.protocol import QUESTION_OF_CODES
        from engine.private.server import EncryptedCodes, answer

        if question.startswith(QUESTION_OF_CODES):
            return EncryptedCodes(self._codes_file()).answer(question)
        return answer(question, self._mirror.rows())

    def private_codes(self) -> bytes:
        """Hand out what stands before this server's encrypted codes, which their owner alone opens.

        Raises:
            PrivateSearchError: none are here, or they cannot be read.
        """
        from engine.private.server import EncryptedCodes

        head = EncryptedCodes(self._codes_file()).head
        return head.facts + head.secret

    def hold_codes(self, path: Path) -> None:
        """Search encrypted codes as well, those of a file; see :mod:`engine.private.codes`."""
        self._codes = path

    def _codes_file(self) -> Path:
        from engine.private.protocol import PrivateSearchError

        if self._codes is None:
            raise PrivateSearchError(
                "This server was given no encrypted codes: make them with `encrypt-codes` and name their file "
                "(--encrypted-codes)."
            )
        return self._codes

    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Tell the owner which of these keyed digests a row has.

        Raises:
            StoreError: nothing is stored.
        """
        return self._store.known(digests)

    def receiving(self, gallery: Gallery) -> AbstractContextManager[Append]:
        """Receive an upload, all of it or none, into this gallery or the one held; see :meth:`Store.appending`."""
        return self._store.appending(gallery)

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows, all of them or none; see :meth:`Store.remove`.

        Raises:
            StoreError: nothing is stored, or an id is unknown.
        """
        self._store.remove(ids)

    def sweep(self) -> int:
        """Delete what killed uploads left for more than a day; see :meth:`Store.sweep`."""
        return self._store.sweep()

    def successor(self) -> "CloudServer":
        """Serve the store that is to take this one's place; see :meth:`Store.successor`."""
        return CloudServer(self._store.successor())

    def succeed(self, epoch: int) -> None:
        """Put the successor in place; see :meth:`Store.succeed`.

        Raises:
            StoreError: the store has changed since ``epoch``.
        """
        self._store.succeed(epoch)

    def close(self) -> None:
        """Give back connections; the server may be used again no more."""
        self._store.close()

    def discard(self) -> None:
        """Delete everything that is stored; see :meth:`Store.discard`."""
        self._store.discard()
