"""Codes that are known already: of every length, from one look of the network at each picture.

A network has a head for each code length, so one pass gives the codes of all lengths. A code book keeps them with the
pictures' descriptors, under a fingerprint of the pixels. Those of the built-in gallery are shipped, so that searching
it needs no network at first.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from engine.artifacts import MODELS, weights_path
from engine.files import file_sha256, write_arrays
from engine.hashing.codes import pack_bits
from engine.hashing.descriptors import DESCRIPTOR_BYTES, describe_features
from engine.hashing.hasher import Hasher
from engine.hashing.keeps import DEFAULT

FOLDER = MODELS / "gallery"
FINGERPRINT_BYTES = 16


def fingerprint(image: np.ndarray) -> bytes:
    """Return 16 bytes that name the pixels of a picture.

    Example:
        >>> black = np.zeros((4, 6), np.uint8)
        >>> fingerprint(black) == fingerprint(black.T), len(fingerprint(black))
        (False, 16)
    """
    facts = f"{image.shape}{image.dtype.str}".encode()
    return hashlib.blake2b(facts + np.ascontiguousarray(image).tobytes(), digest_size=FINGERPRINT_BYTES).digest()


@dataclass(frozen=True)
class Entry:
    """What a network says of one picture.

    Attributes:
        codes: ``(bits // 8,)`` uint8 by code length.
        descriptor: ``(64,)`` int8.
    """

    codes: dict[int, npt.NDArray[np.uint8]]
    descriptor: npt.NDArray[np.int8]


@dataclass(frozen=True)
class CodeBook:
    """The codes of one method; safe to share between threads.

    Attributes:
        method: Of hashing.
        entries: By fingerprint.
        keeps: What the codes keep (``engine.hashing.keeps.KEEPS``).
    """

    method: str
    entries: dict[bytes, Entry] = field(default_factory=dict, repr=False)
    keeps: str = DEFAULT
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def add(self, images: Sequence[np.ndarray]) -> None:
        """Have the network look at pictures that are not in the book yet, all lengths in one pass."""
        marks = [fingerprint(image) for image in images]
        new = {mark: image for mark, image in zip(marks, images, strict=True) if mark not in self.entries}
        if not new:
            return
        features, outputs = Hasher.load(method=self.method, keeps=self.keeps).outputs(list(new.values()))
        packed = {bits: pack_bits(values >= 0) for bits, values in outputs.items()}
        descriptors = describe_features(features)
        with self._lock:
            for row, mark in enumerate(new):
                codes = {bits: values[row] for bits, values in packed.items()}
                self.entries[mark] = Entry(codes, descriptors[row])

    def hasher(self, bits: int, *, remember: bool = False) -> "BookHasher":
        """Return a hasher that looks into the book first.

        Args:
            bits: Code length.
            remember: Whether pictures that are new to the book are written into it. A visitor's never should be.
        """
        return BookHasher(self, bits, remember)


@dataclass(frozen=True)
class BookHasher:
    """Gives codes of one length, from a book where they are in it and from the network where not."""

    book: CodeBook
    bits: int
    remember: bool = False

    def codes(self, images: Sequence[np.ndarray]) -> npt.NDArray[np.uint8]:
        """Return packed codes ``(N, bits // 8)`` uint8; see :meth:`Hasher.codes`."""
        return self.describe(images)[0]

    def describe(self, images: Sequence[np.ndarray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
        """Return packed codes ``(N, bits // 8)`` and descriptors ``(N, 64)``; see :meth:`Hasher.describe`."""
        book = self.book if self.remember else CodeBook(self.book.method, dict(self.book.entries), self.book.keeps)
        book.add(images)
        found = [book.entries[fingerprint(image)] for image in images]
        codes = np.array([entry.codes[self.bits] for entry in found], np.uint8).reshape(-1, self.bits // 8)
        return codes, np.array([entry.descriptor for entry in found], np.int8).reshape(-1, DESCRIPTOR_BYTES)


def weights_hash(method: str) -> str:
    """Return the SHA-256 of a method's shipped weights as hex; empty where they are not here."""
    path = weights_path(method)
    return file_sha256(path) if path.exists() else ""


def save_book(book: CodeBook, folder: Path = FOLDER) -> Path:
    """Write a book, with the hash of the weights that its codes come from."""
    lengths = sorted(next(iter(book.entries.values())).codes)
    marks = sorted(book.entries)
    entries = [book.entries[mark] for mark in marks]
    path = folder / _file_name(book.method, book.keeps)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"codes_{bits}": np.array([entry.codes[bits] for entry in entries]) for bits in lengths}
    write_arrays(
        path,
        arrays
        | {
            "fingerprints": np.frombuffer(b"".join(marks), np.uint8).reshape(-1, FINGERPRINT_BYTES),
            "descriptors": np.array([entry.descriptor for entry in entries]),
            "weights_sha256": np.array(weights_hash(book.method)),
        },
    )
    return path


def load_book(method: str, folder: Path = FOLDER, keeps: str = DEFAULT) -> CodeBook:
    """Open the shipped book of a method.

    Args:
        method: Of hashing.
        folder: Where the books lie.
        keeps: What the codes keep.

    Returns:
        The book; an empty one where there is none, or where it was made with other weights than the shipped ones, so
        that a wrong code is never given.
    """
    path = folder / _file_name(method, keeps)
    if not path.exists():
        return CodeBook(method, keeps=keeps)
    with np.load(path, allow_pickle=False) as stored:
        if str(stored["weights_sha256"]) != weights_hash(method):
            return CodeBook(method, keeps=keeps)
        lengths = {int(name.removeprefix("codes_")): stored[name] for name in stored if name.startswith("codes_")}
        marks, descriptors = stored["fingerprints"], stored["descriptors"]
    return CodeBook(
        method,
        {
            mark.tobytes(): Entry({bits: rows[n] for bits, rows in lengths.items()}, descriptors[n])
            for n, mark in enumerate(marks)
        },
        keeps,
    )


def _file_name(method: str, keeps: str) -> str:
    return f"{method}.npz" if keeps == DEFAULT else f"{method}-{keeps}.npz"
