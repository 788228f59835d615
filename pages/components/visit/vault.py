"""The sealed galleries this server offers to search: real owner, server and user, shared by all visitors.

A gallery is public, so its store may be shared; a visitor's picture never enters it. Stores live in a
temporary folder under a key that exists only in this process. Sealing runs in a thread of its own, so it goes
on when the visitor who started it walks away.
"""

import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import streamlit as st

from engine.encryption import generate_key
from engine.hashing import Hasher
from engine.retrieval import CloudServer, DataOwner, DataUser, pictures_of
from pages.components.kit import tuning
from pages.components.visit.gallery import gallery

KEPT = 4
# Pictures hashed at a time: more are no faster on a CPU and need more memory.
BATCH = 8
LOOK_SECONDS = 0.1

Wanted = tuple[str, str, int]


@dataclass(frozen=True)
class Vault:
    """One sealed gallery and the three roles around it."""

    owner: DataOwner
    server: CloudServer
    user: DataUser
    folder: tempfile.TemporaryDirectory


@dataclass
class Sealing:
    """A vault on its way: how far it has come, and what comes of it."""

    share: float = 0.0
    vault: Future[Vault] = field(default_factory=Future)


@dataclass(frozen=True)
class Shelf:
    """All vaults of this process."""

    sealings: dict[Wanted, Sealing] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "sealing"))


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    return Shelf()


def open_vault(name: str, method: str, bits: int) -> Vault:
    """Return the sealed gallery ``name``; the first time, have it sealed and show the progress.

    Raises:
        engine.errors.VaultError: The network or the pictures are missing.
    """
    sealing = _sealing((name, method, bits))
    if not sealing.vault.done():
        slot = st.empty()
        while not sealing.vault.done():
            slot.progress(sealing.share, f"Sealing the gallery with {bits}-bit codes, once for all visitors")
            time.sleep(LOOK_SECONDS)
        slot.empty()
    return sealing.vault.result()


def _sealing(wanted: Wanted) -> Sealing:
    """Return the sealing of a gallery, started now unless it is there and has not failed."""
    shelf = _shelf()
    with shelf.lock:
        known = shelf.sealings.get(wanted)
        if known is None or (known.vault.done() and known.vault.exception()):
            shelf.sealings.pop(wanted, None)
            while len(shelf.sealings) >= KEPT:
                shelf.sealings.pop(next(iter(shelf.sealings)))
            known = shelf.sealings[wanted] = Sealing()
            known.vault = shelf.worker.submit(_seal, wanted, known)
        return known


def _seal(wanted: Wanted, sealing: Sealing) -> Vault:
    name, method, bits = wanted
    folder = tempfile.TemporaryDirectory(prefix="cxr-vault-")
    server = CloudServer(Path(folder.name) / "gallery.db")
    owner = DataOwner(generate_key(), server, Hasher.load(bits=bits, method=method))
    for step in owner.upload(pictures_of(gallery(name).subset(split="train")), batch_size=BATCH):
        sealing.share = step.done / step.total
    # Compiles what opening needs: the first search would count it as its own time.
    owner.open(next(iter(owner.records())))
    _settle_down()
    return Vault(owner, server, DataUser(owner, server), folder)


def _settle_down() -> None:
    """Make ready for many small searches after one large job."""
    import torch

    # Visitors search side by side: one thread each, instead of all threads waiting for each other.
    torch.set_num_threads(1)
    tuning.return_memory()
