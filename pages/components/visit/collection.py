"""A visitor's own sealed gallery: made in this visit, searched by this visitor alone, gone with the visit.

Only sealed pictures touch the disk, in a temporary file, under a key that lives in this session's memory.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.typing import UploadedFile

from engine.encryption import SCHEMES, generate_key
from engine.encryption.schemes import GALLERY_SCHEME
from engine.errors import VaultError
from engine.hashing import Hasher
from engine.imaging import ImageError, encode_jpeg, resize
from engine.retrieval import CloudServer, DataOwner, DataUser, Picture, Record, pictures_of_files
from pages.components.kit import tuning
from pages.components.kit.words import counted
from pages.components.visit.folders import sealed_folder
from pages.components.visit.holding import shelf
from pages.components.visit.links import choose
from pages.components.visit.uploads import DECODING, OWN, Upload, drop_file, keep
from pages.components.visit.vault import Vault

# What `python -m engine search` loads for a store of this length.
METHOD, BITS = "matdh", 48
# Where the session holds the last Intake: it names files.
REPORT = "_collection_report"
MAX_FILES = 100
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
MAX_PICTURES = 100
MAX_SEALED_BYTES = 32 * 1024 * 1024
# Shorter side, pixels; the network looks at far fewer.
MAX_SIDE = 1024
BATCH = 4

RETENTION = (
    "Pictures are decoded in memory and kept only sealed, in a temporary file on this server; the key, small previews "
    "and the picture you search with stay in its memory. All of it goes when you clear it, and 20 seconds after you "
    "close the tab or lose the connection. If the server is killed, the sealed file stays behind until it starts "
    "again, without its key."
)


class CollectionError(VaultError):
    """A picture that a collection does not take, said in one sentence."""


@dataclass(frozen=True)
class Collection:
    """A visitor's own sealed gallery.

    Attributes:
        vault: the gallery and the three roles around it.
        key: 32 bytes, the owner's; shown to nobody but its visitor.
        count: number of pictures.
        changes: how often something was added or removed.
    """

    vault: Vault
    key: bytes = field(repr=False)
    count: int = 0
    changes: int = 0

    @property
    def counted(self) -> str:
        """The number of pictures in words."""
        return counted(self.count, "picture")

    @property
    def token(self) -> str:
        """Names the content: what was computed for one token holds for no other."""
        return f"collection/{Path(self.vault.folder.name).name}/{self.changes}"

    @property
    def file(self) -> Path:
        """The store: all that the server holds."""
        return store_path(self.vault.folder.name)

    def contents(self) -> dict[str, Record]:
        """Names and labels by id."""
        return self.vault.owner.records()

    def open(self, identity: str) -> np.ndarray:
        """One picture, ``(H, W)`` uint8 or uint16, opened with the owner's key."""
        return self.vault.owner.open(identity)

    def free(self) -> None:
        """Remove the sealed file."""
        self.vault.folder.cleanup()


@dataclass(frozen=True)
class Intake:
    """What became of some files.

    Attributes:
        added: pictures that are new in the collection.
        again: names of pictures that were there already, from strangers: not markup.
        problems: one sentence for each file that was left out. They hold names from strangers: not markup.
    """

    added: int
    again: tuple[str, ...]
    problems: tuple[str, ...]


def _shelf() -> list[Collection]:
    """This visitor's collection."""
    return shelf("collection")


def current_collection() -> Collection | None:
    """Return this visitor's collection, if there is one."""
    mine = _shelf()
    return mine[0] if mine else None


def forget_collection() -> None:
    """Drop this visitor's collection: its file, its key, its roles, and what was said of its files."""
    st.session_state.pop(REPORT, None)
    for collection in _shelf():
        collection.free()
    _shelf().clear()


def read_uploads(files: Sequence[UploadedFile]) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Take files out of the uploader, as many as a collection can use; Streamlit's own copies go in any case.

    Returns:
        Name and content of each, and a sentence if some were left out.
    """
    taken: list[tuple[str, bytes]] = []
    room = MAX_UPLOAD_BYTES
    for file in files:
        if len(taken) < MAX_FILES and file.size <= room:
            taken.append((file.name, file.getvalue()))
            room -= file.size
        drop_file(file)
    left_out = len(files) - len(taken)
    limits = f"{MAX_FILES} files and {MAX_UPLOAD_BYTES // 2**20} MB at a time"
    verb = "was" if left_out == 1 else "were"
    return taken, [f"{counted(left_out, 'file')} {verb} left out: upload at most {limits}."] if left_out else []


def take_in(files: Sequence[tuple[str, bytes]], on_progress: Callable[[int, int], None]) -> Intake:
    """Seal files into this visitor's collection, which is made if there is none.

    Args:
        files: name and content of each, pictures or ZIP archives.
        on_progress: called with the number of pictures dealt with, and of all.

    Raises:
        VaultError: the network or the store fails; the collection is then as it was.
    """
    pictures, problems = pictures_of_files(files)
    intake = add(pictures, on_progress)
    return replace(intake, problems=(*problems, *intake.problems))


def add(pictures: Sequence[Picture], on_progress: Callable[[int, int], None]) -> Intake:
    """Seal pictures into this visitor's collection; see :func:`take_in`."""
    if not pictures:
        return Intake(0, (), ())
    collection = current_collection() or _new()
    room = _Room(collection)
    bounded = [replace(picture, load=partial(room.load, picture), file=None) for picture in pictures]
    for step in collection.vault.owner.upload(bounded, batch_size=BATCH, unreadable="skip"):
        on_progress(step.done, step.total)
    if step.added:
        _shelf()[:] = [replace(collection, count=collection.count + step.added, changes=collection.changes + 1)]
    tuning.return_memory()
    return Intake(step.added, tuple(sorted(room.again)), tuple(sorted(step.unreadable)))


def remove(own: Collection, identity: str) -> None:
    """Delete one picture from this visitor's collection; the last one takes the collection with it.

    Raises:
        VaultError: the store does not hold it, or fails.
    """
    if own.count == 1:
        forget_collection()
        return
    own.vault.owner.remove([identity])
    _shelf()[:] = [replace(own, count=own.count - 1, changes=own.changes + 1)]


def reopen(store: bytes, key: bytes) -> Collection:
    """Put a saved store in place of this visitor's collection.

    Args:
        store: the file that was taken along.
        key: the 32 bytes that go with it.

    Raises:
        VaultError: the file is no store, the key does not open it, a row was changed, or it is too large for a page;
            what the visitor had stays.
    """
    if len(store) > MAX_SEALED_BYTES:
        raise CollectionError(f"The store is larger than {MAX_SEALED_BYTES // 2**20} MB: use the command line for it.")
    folder = sealed_folder("own")
    store_path(folder.name).write_bytes(store)
    server = CloudServer(store_path(folder.name))
    owner = DataOwner(key, server, Hasher.load(bits=BITS, method=METHOD))
    count = len(owner.records())
    if server.gallery is None or server.gallery.bits != BITS:
        raise CollectionError(f"The store does not hold codes of {BITS} bits: use the command line for it.")
    forget_collection()
    _shelf()[:] = [Collection(Vault(owner, server, DataUser(owner, server), folder), key, count)]
    return _shelf()[0]


def preview(image: np.ndarray, side: int = 160) -> bytes:
    """Return a small JPEG of a picture."""
    return encode_jpeg(resize(image, min(side, *image.shape)), quality=82)


def make_query(own: Collection, identity: str) -> None:
    """Make one picture of a collection the picture of every page."""
    label = own.contents()[identity].label
    token = hashlib.sha256(identity.encode()).hexdigest()[:16]
    try:
        keep(Upload(token, own.open(identity), stored_as=identity, label=label))
    except ImageError as error:
        st.toast(str(error))
        return
    choose("picture", OWN)


def store_path(folder: str) -> Path:
    """Return where a collection's store lies in its folder."""
    return Path(folder) / "collection.db"


class _Room:
    """How much a collection still takes: checked as each picture is loaded, before it is sealed.

    A picture that is there already takes no room, and its name is noted.
    """

    def __init__(self, collection: Collection) -> None:
        self.pictures = MAX_PICTURES - collection.count
        self.sealed_bytes = MAX_SEALED_BYTES - _size(collection.file)
        self.known = {record.digest for record in collection.contents().values()} if collection.count else set()
        self.again: list[str] = []

    def load(self, picture: Picture) -> np.ndarray:
        image = _reduced(picture)
        digest = Record.of(picture.name, picture.label, image).digest
        if digest not in self.known:
            self._take(picture.name, SCHEMES[GALLERY_SCHEME].sealed_bytes(image.shape, image.dtype))
            self.known.add(digest)
        else:
            self.again.append(picture.name)
        return image

    def _take(self, name: str, sealed_bytes: int) -> None:
        if self.pictures < 1:
            raise CollectionError(f"{name}: The collection is full with {MAX_PICTURES} pictures: clear it first.")
        if sealed_bytes > self.sealed_bytes:
            raise CollectionError(
                f"{name}: The collection would grow beyond {MAX_SEALED_BYTES // 2**20} MB: "
                "use the command line for larger ones."
            )
        self.pictures, self.sealed_bytes = self.pictures - 1, self.sealed_bytes - sealed_bytes


def _reduced(picture: Picture) -> np.ndarray:
    """Load a picture, at most ``MAX_SIDE`` pixels at its shorter side."""
    with DECODING:
        image = picture.load()
    return resize(image, min(MAX_SIDE, *image.shape))


def _new() -> Collection:
    folder = sealed_folder("own")
    server, key = CloudServer(store_path(folder.name)), generate_key()
    owner = DataOwner(key, server, Hasher.load(bits=BITS, method=METHOD))
    return Collection(Vault(owner, server, DataUser(owner, server), folder), key)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
