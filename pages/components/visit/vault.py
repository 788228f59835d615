"""The sealed galleries this server offers to search: real owner, server and user, shared by all visitors.

A gallery is public, so its store may be shared; a visitor's picture never enters it. Stores live in a
temporary folder under a key that exists only in this process. A gallery's pictures are sealed once; each method and
each code length is an index beside them. All of it happens in threads of its own, so it goes on when the visitor who
started it walks away, and nobody waits for another gallery's sealing.
"""

import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.encryption import generate_key
from engine.hashing.codebook import BookHasher, CodeBook, Entry, fingerprint, load_book
from engine.hashing.keeps import DEFAULT
from engine.retrieval import CloudServer, DataOwner, DataUser, Picture, pictures_of
from engine.retrieval.reindex import SharedPictures, reindex
from pages.components.kit import tuning
from pages.components.visit.folders import sealed_folder
from pages.components.visit.gallery import searched

# The simulated, the built-in and the real gallery; and every length of a few methods of each.
KEPT_PICTURES, KEPT_INDICES = 3, 24
METHOD, BITS = "matdh", 48
# Pictures hashed at a time: more are no faster on a CPU and need more memory.
BATCH = 8
LOOK_SECONDS = 0.05
WORKERS = 16

# Gallery, method, code length and what codes keep.
Wanted = tuple[str, str, int, str]
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Vault:
    """One searchable gallery and the three roles around it."""

    owner: DataOwner
    server: CloudServer
    user: DataUser
    folder: tempfile.TemporaryDirectory


@dataclass(frozen=True)
class Pictures:
    """A gallery's sealed pictures, with an index of ``BITS`` bits.

    Attributes:
        vault: Searches that index.
        marks: Fingerprint of each picture, by its name.
    """

    vault: Vault
    marks: dict[str, bytes]


@dataclass
class Job(Generic[Outcome]):
    """Something on its way: how far it has come, and what comes of it."""

    share: float = 0.0
    started: float = field(default_factory=time.monotonic)
    outcome: Future[Outcome] = field(default_factory=Future)

    def advance(self, done: int, total: int) -> None:
        """Note how much is done."""
        self.share = done / total

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the pace so far; None before there is a pace."""
        return (time.monotonic() - self.started) * (1 - self.share) / self.share if self.share else None


class Kept:
    """The outcomes of the last jobs by name; the least recently used one goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, start: Callable[[Job[Any]], Future[Any]]) -> Job[Any]:
        """Return a job, started now unless it is there and has not failed."""
        with self._lock:
            known = self._jobs.get(name)
            if known is None or (known.outcome.done() and known.outcome.exception()):
                self._jobs.pop(name, None)
                known = self._jobs[name] = Job()
                known.outcome = start(known)
                while len(self._jobs) > self._most:
                    self._jobs.popitem(last=False)
            self._jobs.move_to_end(name)
            return known

    def __contains__(self, name: Hashable) -> bool:
        return name in self._jobs


@dataclass(frozen=True)
class Shelf:
    """All vaults of this process."""

    pictures: Kept = field(default_factory=lambda: Kept(KEPT_PICTURES))
    indices: Kept = field(default_factory=lambda: Kept(KEPT_INDICES))
    books: dict[tuple[str, str], CodeBook] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS, "sealing"))

    def book(self, method: str, keeps: str = DEFAULT) -> CodeBook:
        """Return what is known of the galleries' codes by one method that keep the same."""
        with self.lock:
            if (method, keeps) not in self.books:
                self.books[method, keeps] = load_book(method, keeps=keeps)
            return self.books[method, keeps]


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    return Shelf()


def open_vault(name: str, method: str, bits: int, keeps: str = DEFAULT, at: DeltaGenerator | None = None) -> Vault:
    """Return the sealed gallery ``name``; the first time, have it sealed and show the progress.

    Args:
        name: Of the gallery.
        method: Of hashing.
        bits: Code length.
        keeps: What codes keep.
        at: Where to show the progress; where the script stands when None.

    Raises:
        engine.errors.VaultError: The network or the pictures are missing.
    """
    sealing, index = _sealing(name), _index((name, method, bits, keeps))
    if not index.outcome.done():
        slot = (at or st).empty()
        while not index.outcome.done():
            job, what = (index, "Hashing") if sealing.outcome.done() else (sealing, "Sealing")
            slot.progress(min(job.share, 1.0), f"{what} the gallery, once for all visitors{_left(job)}")
            time.sleep(LOOK_SECONDS)
        slot.empty()
    return index.outcome.result()


def known_codes(name: str, method: str, bits: int, keeps: str = DEFAULT) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return packed code and descriptor of every picture of a sealed gallery, by its name.

    The owner's own knowledge, which no server has; a public gallery's owner may show it.
    """
    marks, book = _sealing(name).outcome.result().marks, _shelf().book(method, keeps)
    entries = {picture: book.entries[mark] for picture, mark in marks.items()}
    return {picture: (entry.codes[bits], entry.descriptor) for picture, entry in entries.items()}


def begin(name: str) -> None:
    """Have a gallery sealed without waiting for it."""
    _sealing(name)


def _left(job: Job[Any]) -> str:
    seconds = job.seconds_left
    return "" if seconds is None else f": about {max(1, round(seconds))} s left"


def _sealing(name: str) -> Job[Pictures]:
    shelf = _shelf()
    return shelf.pictures.get(name, lambda job: shelf.workers.submit(_seal, name, job, shelf))


def _index(wanted: Wanted) -> Job[Vault]:
    shelf, sealing = _shelf(), _sealing(wanted[0])
    return shelf.indices.get(wanted, lambda job: shelf.workers.submit(_make_index, wanted, job, sealing, shelf))


def _seal(name: str, job: Job[Pictures], shelf: Shelf) -> Pictures:
    """Seal a gallery's pictures and hash them at every length in the same pass."""
    folder, key = sealed_folder("gallery"), generate_key()
    marks: dict[str, bytes] = {}
    server, book = CloudServer(Path(folder.name) / "gallery.db"), shelf.book(METHOD)
    pictures = [replace(picture, load=partial(_noted, marks, picture)) for picture in pictures_of(searched(name))]
    owner = DataOwner(key, server, BookHasher(book, BITS, remember=True))
    for step in owner.upload(pictures, batch_size=BATCH):
        job.advance(step.done, step.total)
    owner = DataOwner(key, server, book.hasher(BITS), receipt=owner.receipt)
    # Compiles what opening needs: the first search would count it as its own time.
    owner.open(next(iter(owner.records())))
    _settle_down()
    return Pictures(Vault(owner, server, DataUser(owner, server), folder), marks)


def _noted(marks: dict[str, bytes], picture: Picture) -> np.ndarray:
    image = picture.load()
    marks[picture.name] = fingerprint(image)
    return image


def _make_index(wanted: Wanted, job: Job[Vault], sealing: Job[Pictures], shelf: Shelf) -> Vault:
    """Give a gallery's sealed pictures codes of another method or length."""
    name, method, bits, keeps = wanted
    sealed = sealing.outcome.result()
    if (method, bits, keeps) == (METHOD, BITS, DEFAULT):
        return sealed.vault
    book, folder = shelf.book(method, keeps), sealed_folder("gallery")
    job.started = time.monotonic()
    if not sealed.marks.items() or any(mark not in book.entries for mark in sealed.marks.values()):
        _hash(name, book, job)

    def describe(picture: str) -> tuple[np.ndarray, np.ndarray]:
        entry: Entry = book.entries[sealed.marks[picture]]
        return entry.codes[bits], entry.descriptor

    server = SharedPictures(Path(folder.name) / "codes.db", sealed.vault.server)
    owner = reindex(sealed.vault.owner, server, book.hasher(bits), describe)
    return Vault(owner, server, DataUser(owner, server), folder)


def _hash(name: str, book: CodeBook, job: Job[Vault]) -> None:
    """Have a method's network look at every picture of a gallery, once for all lengths."""
    dataset = searched(name)
    for start in range(0, len(dataset), BATCH):
        places = range(start, min(start + BATCH, len(dataset)))
        book.add([dataset.load(place) for place in places])
        job.advance(places.stop, len(dataset))
    _settle_down()


def _settle_down() -> None:
    """Make ready for many small searches after one large job."""
    import sys

    # Visitors search side by side: one thread each, instead of all threads waiting for each other.
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
    tuning.return_memory()
