"""What a server keeps, and the interface of whatever keeps it.

A store holds one gallery: for each picture an opaque id, a masked code, a sealed record (the owner's
private note) and the sealed picture. Nothing in it can be read without the owner's key.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import VaultError

MAX_BITS = 992
"""Longest code of a gallery: HKDF gives no longer mask in one piece."""


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
class SealedRecord:
    """A picture's masked code and its owner's sealed note.

    Attributes:
        id: 32 hexadecimal digits, random.
        code: ``bits // 8`` bytes, masked.
        record: sealed name and label; only the owner opens it.
    """

    id: str
    code: bytes
    record: bytes


@dataclass(frozen=True)
class SealedPicture(SealedRecord):
    """A whole row of the store: a sealed record and the sealed picture beside it."""

    sealed: bytes


Append = Callable[[Sequence[SealedPicture]], None]


class Store(ABC):
    """Where sealed pictures live. Every method may be called from any thread.

    Rows are only ever appended, so the position of a row never changes.
    """

    @abstractmethod
    def gallery(self) -> Gallery | None:
        """The gallery held, or None where nothing has been stored yet.

        Raises:
            StoreError: something else lies at the address, or it is damaged.
        """

    @abstractmethod
    def codes(self, start: int = 0) -> tuple[list[str], npt.NDArray[np.uint8]]:
        """Ids and masked codes from position ``start`` on.

        Returns:
            N ids, and ``(N, bits // 8)`` uint8.

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
    def appending(self, gallery: Gallery) -> AbstractContextManager[Append]:
        """Append rows, all or none: they appear when the context ends well and never when it fails.

        Args:
            gallery: the gallery they belong to; it is created if nothing has been stored yet.

        Returns:
            A context whose value is a function that takes rows.

        Raises:
            StoreError: another gallery is held, someone else is writing, or writing fails.
        """


def check_code_length(codes: npt.NDArray[np.uint8], bits: int) -> None:
    """Refuse codes, ``(N, bits // 8)`` uint8, of another length than a gallery's.

    Raises:
        StoreError: the lengths differ.
    """
    found = codes.shape[1] * 8
    if found != bits:
        raise StoreError(f"The store holds {bits}-bit codes, not {found}-bit ones: use the hasher that indexed it.")
