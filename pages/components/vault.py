"""The sealed galleries this server offers to search: real owner, server and user, shared by all visitors.

A gallery is public, so its store may be shared; a visitor's picture never enters it. Stores live in a
temporary folder under a key that exists only in this process.
"""

import gc
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import streamlit as st

from engine.encryption import generate_key
from engine.hashing import Hasher
from engine.retrieval import CloudServer, DataOwner, DataUser, pictures_of
from pages.components.gallery import gallery

KEPT = 2


@dataclass(frozen=True)
class Vault:
    """One sealed gallery and the three roles around it."""

    owner: DataOwner
    server: CloudServer
    user: DataUser
    folder: tempfile.TemporaryDirectory


@st.cache_resource(show_spinner=False)
def _shelf() -> tuple[dict[tuple[str, str, int], Vault], Lock]:
    return {}, Lock()


@st.cache_resource(max_entries=8, show_spinner=False)
def hasher(method: str, bits: int) -> Hasher:
    """Return a loaded network.

    Raises:
        engine.hashing.HasherError: Unknown method or length, or the weights are missing.
    """
    loaded = Hasher.load(bits=bits, method=method)
    # Streamlit collects garbage after every run; torch's million objects never become garbage. Setting them
    # aside once takes a rerun from 116 ms to 11 ms.
    gc.collect()
    gc.freeze()
    return loaded


def open_vault(name: str, method: str, bits: int) -> Vault:
    """Return the sealed gallery ``name``; the first time, seal it and show the progress.

    Raises:
        engine.errors.VaultError: The network or the pictures are missing.
    """
    vaults, lock = _shelf()
    wanted = (name, method, bits)
    if wanted not in vaults:
        slot = st.empty()
        bar = slot.progress(0.0, f"Sealing the gallery with {bits}-bit codes, once for all visitors")
        with lock:
            if wanted not in vaults:
                built = _seal_gallery(*wanted, bar)
                while len(vaults) >= KEPT:
                    vaults.pop(next(iter(vaults)))
                vaults[wanted] = built
        slot.empty()
    return vaults[wanted]


def _seal_gallery(name: str, method: str, bits: int, bar) -> Vault:  # noqa: ANN001
    network = hasher(method, bits)
    folder = tempfile.TemporaryDirectory(prefix="cxr-vault-")
    server = CloudServer(Path(folder.name) / "gallery.db")
    owner = DataOwner(generate_key(), server, network)
    pictures = pictures_of(gallery(name).subset(split="train"))
    for step in owner.upload(pictures):
        bar.progress(step.done / step.total, f"Sealing the gallery: {step.done} of {step.total} pictures")
    return Vault(owner, server, DataUser(owner, server), folder)
