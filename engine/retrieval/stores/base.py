"""What a server keeps, and the interface of whatever keeps it.

A store holds one gallery: for each picture an opaque id, a masked code, a masked sketch that orders equal codes, a
keyed digest by which its owner recognises a duplicate, a sealed record (the owner's private note) and the sealed
picture. Nothing in it can be read without the owner's key.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import VaultError

MAX_BITS = 992
"""Longest code of a gallery: HKDF gives no longer mask in one piece."""

ID_BYTES = 16
DIGEST_BYTES = 16
SKETCH_BYTES = 24
CHUNK_ROWS = 50_000
"""Rows that a store hands to an index at a time."""


class StoreError(VaultError):
    """A store, its address or what goes into it cannot be used, said in one sentence."""


@dataclass(frozen=True)
class Gallery:
    """The public facts of a gallery.

    Attributes:
        id: 16 random bytes, the salt of everything the owner derives for this gallery.
        bits: length of its codes, a multiple of 8 up to ``MAX_BITS``.
        key_check: 32 bytes derived from the owner's key, by which the owner recognises it.
    """

    id: bytes
    bits: int
    key_check: bytes


@dataclass(frozen=True)
class State:
    """How a gallery stands.

    Attributes:
        count: number of pictures held.
        epoch: number of changes so far; it only grows.
    """

    count: int
    epoch: int


@dataclass(frozen=True)
class SealedRecord:
    """A picture's masked code and its owner's sealed note.

    Attributes:
        id: 32 hexadecimal digits, random.
        code: ``bits // 8`` bytes, masked.
        record: sealed name and label; only the owner opens it.
        digest: 16 bytes, a keyed digest of name, label and pixels: no two rows of a gallery share one. Empty where
            the owner gave none.
        sketch: 24 bytes, masked; its Hamming distances order rows of equal codes. Empty where the owner gave none.
    """

    id: str
    code: bytes
    record: bytes
    digest: bytes = field(default=b"", kw_only=True)
    sketch: bytes = field(default=b"", kw_only=True)


@dataclass(frozen=True)
class SealedPicture(SealedRecord):
    """A whole row of the store: a sealed record and the sealed picture beside it."""

    sealed: bytes


@dataclass(frozen=True)
class IndexRows:
    """What an index needs of N rows, in the order of their positions.

    Attributes:
        ids: ``(N, 16)`` uint8.
        codes: ``(N, bits // 8)`` uint8, masked.
        sketches: ``(N, 24)`` uint8, masked; zeros where there is none.
        last: position of the last of them.
    """

    ids: npt.NDArray[np.uint8]
    codes: npt.NDArray[np.uint8]
    sketches: npt.NDArray[np.uint8]
    last: int


@dataclass(frozen=True)
class Snapshot:
    """One consistent look at a store.

    Attributes:
        gallery: what it holds.
        state: how it stands.
        fresh: how many rows lie after the position that was asked for.
        rows: those rows, at most ``CHUNK_ROWS`` at a time.
    """

    gallery: Gallery
    state: State
    fresh: int
    rows: Iterator[IndexRows]


class Append(Protocol):
    """Takes rows of an upload.

    Attributes:
        gallery: the gallery held, which the rows must be sealed for; another than was offered if one was there.
        lost: ids that were not stored as they are duplicates of what came meanwhile, known when the upload has ended.
    """

    @property
    def gallery(self) -> Gallery:
        """The gallery held."""

    @property
    def lost(self) -> Sequence[str]:
        """Ids that were not stored."""

    def __call__(self, rows: Sequence[SealedPicture]) -> None:
        """Take rows in."""


class Store(ABC):
    """Where sealed pictures live. Every method may be called from any thread.

    A position is never given twice, so rows after a known position are new ones.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """The address without secrets, the same whoever asks."""

    @property
    def outdated(self) -> bool:
        """Whether its format is an earlier one: it is read for ever, but grows only after ``DataOwner.upgrade``."""
        return False

    @property
    def searches(self) -> bool:
        """Whether the engine answers :meth:`nearest` itself, so that a server needs no index."""
        return False

    def nearest(
        self, code: npt.NDArray[np.uint8], k: int, most: int, sketch: npt.NDArray[np.uint8] | None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        """Search without an index, where :attr:`searches` says so; see ``Mirror.nearest``.

        Raises:
            StoreError: the engine does not search.
        """
        raise StoreError(f"{self.where} does not search by itself: leave `search=sql` out of its address.")

    def close(self) -> None:  # noqa: B027
        """Give back connections that are held between calls; the store may be used again no more."""

    def sweep(self) -> int:
        """Delete what killed uploads left for more than a day, and count it."""
        return 0

    @abstractmethod
    def gallery(self) -> Gallery | None:
        """The gallery held, or None where nothing has been stored yet.

        Raises:
            StoreError: something else lies at the address, or it is damaged.
        """

    @abstractmethod
    def state(self) -> State:
        """How the gallery stands.

        Raises:
            StoreError: nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def glance(self) -> tuple[Gallery, State]:
        """The gallery held and how it stands, in one quick look: where neither has changed, nothing has.

        Raises:
            StoreError: nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def following(self, after: int = -1) -> AbstractContextManager[Snapshot]:
        """Look at the rows after a position.

        Raises:
            StoreError: nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def records(self, ids: Sequence[str] | None = None) -> list[SealedRecord]:
        """Sealed records of ``ids`` in their order, or all by position.

        Raises:
            StoreError: an id is unknown, nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def pictures(self, ids: Sequence[str]) -> list[bytes]:
        """Sealed pictures of ``ids`` in their order.

        Raises:
            StoreError: an id is unknown, nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of ``digests`` that a row has, in one look-up.

        Raises:
            StoreError: nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def appending(self, gallery: Gallery) -> AbstractContextManager[Append]:
        """Append rows, all or none: they appear when the context ends well and never when it fails.

        Rows wait outside the store until then, so that neither readers nor other writers wait for a long upload.

        Args:
            gallery: the gallery to create if nothing has been stored yet.

        Returns:
            A context whose value takes rows.

        Raises:
            StoreError: the store vanished meanwhile, or writing fails.
        """

    @abstractmethod
    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows and their pictures, all or none; freed space is overwritten where the engine can do so.

        Raises:
            StoreError: an id is unknown, nothing has been stored yet, or the store is damaged.
        """

    @abstractmethod
    def discard(self) -> None:
        """Delete everything that is stored at the address."""

    @abstractmethod
    def successor(self) -> "Store":
        """A store of the same engine beside this one, which :meth:`succeed` puts in its place; it may hold rows."""

    @abstractmethod
    def succeed(self, epoch: int) -> None:
        """Put the successor in this store's place: readers see all of the one, then all of the other.

        Args:
            epoch: of this store when its last row was copied.

        Raises:
            StoreError: this store has changed since, there is no successor, or writing fails.
        """


def check_code_length(codes: npt.NDArray[np.uint8], bits: int) -> None:
    """Refuse codes, ``(N, bits // 8)`` uint8, of another length than a gallery's.

    Raises:
        StoreError: the lengths differ.
    """
    found = codes.shape[1] * 8
    if found != bits:
        raise StoreError(f"The store holds {bits}-bit codes, not {found}-bit ones: use the hasher that indexed it.")


def check_rows(rows: Sequence[SealedPicture], gallery: Gallery) -> None:
    """Refuse rows whose parts have other lengths than a store keeps.

    Raises:
        StoreError: a row is malformed, or its code has another length than the gallery's.
    """
    for row in rows:
        if len(row.code) * 8 != gallery.bits:
            check_code_length(np.zeros((1, len(row.code)), np.uint8), gallery.bits)
        if len(row.digest) not in (0, DIGEST_BYTES) or len(row.sketch) not in (0, SKETCH_BYTES):
            raise StoreError(f"The row {row.id} has a digest or a sketch of another length: upload it again.")
        id_bytes(row.id)


def id_bytes(identity: str) -> bytes:
    r"""The 16 bytes of an id.

    Raises:
        StoreError: it is not 32 hexadecimal digits.

    Example:
        >>> id_bytes("0f" * 16) == b"\x0f" * 16
        True
    """
    try:
        value = bytes.fromhex(identity)
    except ValueError:
        value = b""
    if len(value) != ID_BYTES or value.hex() != identity:
        raise StoreError(f'The store holds no picture "{identity}": search again.')
    return value


def gathered(rows: Sequence[tuple[int, bytes, bytes, bytes]], width: int) -> IndexRows:
    """Make arrays of positions, ids, codes of ``width`` bytes, and sketches that may be empty."""
    ids, codes = b"".join(row[1] for row in rows), b"".join(row[2] for row in rows)
    sketches = b"".join(row[3] or bytes(SKETCH_BYTES) for row in rows)
    return IndexRows(
        np.frombuffer(ids, np.uint8).reshape(len(rows), ID_BYTES),
        np.frombuffer(codes, np.uint8).reshape(len(rows), width),
        np.frombuffer(sketches, np.uint8).reshape(len(rows), SKETCH_BYTES),
        rows[-1][0],
    )
