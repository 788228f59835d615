"""Pictures on their way into a gallery: loaded, hashed, sealed, and sent up under the owner's receipt."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from engine.encryption import ContainerCipher
from engine.encryption.container import read_prefix
from engine.errors import VaultError
from engine.hashing.codes import check_codes
from engine.hashing.descriptors import check_descriptors
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.pictures import Picture
from engine.retrieval.receipts import Entry, Receipt
from engine.retrieval.records import Record, seal_record
from engine.retrieval.server import CloudServer
from engine.retrieval.sketches import sketches_of
from engine.retrieval.stores.base import Append, Gallery, SealedPicture, StoreError, id_bytes

Unreadable = Literal["raise", "skip"]


class CodeMaker(Protocol):
    """Whatever turns pictures into codes; ``engine.hashing.Hasher`` is one."""

    def codes(self, images: list[np.ndarray]) -> npt.NDArray[np.uint8]:
        """``(N, bits // 8)`` uint8 packed codes of N pictures."""


@runtime_checkable
class Describer(CodeMaker, Protocol):
    """A hasher that also tells pictures of one code apart; ``engine.hashing.Hasher`` does."""

    def describe(self, images: list[np.ndarray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8]]:
        """Packed codes ``(N, bits // 8)`` and descriptors ``(N, 64)`` of N pictures."""


def describe(hasher: CodeMaker, images: list[np.ndarray]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8] | None]:
    """Return the packed codes of pictures, and their descriptors if the hasher gives any."""
    return hasher.describe(images) if isinstance(hasher, Describer) else (hasher.codes(images), None)


def encoder_of(hasher: CodeMaker | None) -> bytes:
    """The fingerprint of an encoder, which changes with its weights; empty for one that has none."""
    return getattr(hasher, "fingerprint", b"")


def check_encoder(keys: GalleryKeys, hasher: CodeMaker) -> None:
    """Refuse a hasher whose codes cannot be compared with a gallery's.

    Raises:
        StoreError: the gallery's codes were made by another encoder.
    """
    if keys.made_by(encoder_of(hasher)):
        return
    if keys.made_by(b""):
        raise StoreError(
            "This store does not say which encoder made its codes, as those of earlier releases: index its pictures "
            "again into a new store."
        )
    raise StoreError(
        "The codes of this store are of another encoder, or of other weights of this one: give --encoder and --head as "
        "it was filled with, or index its pictures again into a new store."
    )


@dataclass(frozen=True)
class Loaded:
    """A picture in memory, on its way into a row.

    Attributes:
        record: what is noted of it.
        image: ``(H, W)`` uint8 or uint16.
        file: what is sealed in place of the pixels, as it came; None where the pixels are.
    """

    record: Record
    image: np.ndarray = field(repr=False)
    file: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Progress:
    """How far an upload has come.

    Attributes:
        done: pictures dealt with.
        total: pictures in all.
        added: new pictures among them; the others were already stored, or unreadable.
        unreadable: one sentence for each picture that was skipped.
    """

    done: int
    total: int
    added: int = 0
    unreadable: tuple[str, ...] = ()


class Transfer:
    """Rows on their way up under an owner's receipt.

    Attributes:
        keys: of the gallery that takes them.
        lost: ids that were not stored as they are duplicates of what came meanwhile, known at the end.
    """

    def __init__(self, append: Append, keys: GalleryKeys, receipt: Receipt) -> None:
        self.keys = keys
        self.lost: Sequence[str] = ()
        self._append = append
        self._receipt = receipt
        self._ids = bytearray()

    def send(self, rows: Sequence[SealedPicture]) -> None:
        """Note rows in the receipt, then send them."""
        entries = [Entry(id_bytes(row.id), self.keys.row_tag(row), self.keys.seal_tag(row)) for row in rows]
        self._receipt.send(self.keys.gallery.id, entries)
        self._ids += b"".join(entry.id for entry in entries)
        self._append(rows)

    def confirm(self, epoch: int) -> None:
        """Take down that the server has taken the rows."""
        self.lost = self._append.lost
        lost = {id_bytes(one) for one in self.lost}
        # Only an upload over a network can be taken up again, with the rows that were sent before it broke off.
        ids = [id_bytes(one) for one in getattr(self._append, "resumed", ())]
        ids += [bytes(self._ids[start : start + 16]) for start in range(0, len(self._ids), 16)]
        held = [one for one in ids if one not in lost]
        self._receipt.confirm(self.keys.gallery.id, epoch, held, list(lost))


@contextmanager
def transferring(server: CloudServer, receipt: Receipt, proposed: Gallery, key: bytes) -> Iterator[Transfer]:
    """Send rows up, all or none, and take down in the receipt what became of them.

    Args:
        server: where to.
        receipt: the owner's.
        proposed: the gallery to make where there is none.
        key: the owner's master key.

    Raises:
        AuthenticationError: the server holds a gallery of another key.
        StoreError: the store fails.
    """
    with server.receiving(proposed) as append:
        keys = GalleryKeys.open(key, append.gallery)
        if server.state.count == 0:
            receipt.begin(append.gallery.id)
        transfer = Transfer(append, keys, receipt)
        yield transfer
    transfer.confirm(server.state.epoch)


def settle(receipt: Receipt, gallery: bytes, ids: Sequence[bytes], epoch: int) -> None:
    """Take rows of an upload that was killed after it was stored as held."""
    present, state = set(ids), receipt.state(gallery)
    held = [one for one in receipt.sent(gallery) if one in present]
    # Nothing new is not written, so that a receipt on read-only media serves.
    if held or (state and state.epoch < epoch):
        receipt.confirm(gallery, epoch, held)


def new_gallery(key: bytes, bits: int, encoder: bytes = b"") -> Gallery:
    """The public facts of a gallery that is to be.

    Args:
        key: the owner's master key.
        bits: length of its codes.
        encoder: fingerprint of an encoder that does not come with the project.
    """
    identity = secrets.token_bytes(16)
    return Gallery(identity, bits, GalleryKeys.check_of(key, identity, encoder))


def hashed(hasher: CodeMaker, fresh: list[Loaded]) -> tuple[list[Loaded], npt.NDArray[np.uint8]]:
    """Hash pictures, and note their descriptors in their records."""
    codes, descriptors = describe(hasher, [one.image for one in fresh])
    if descriptors is not None:
        pairs = zip(fresh, check_descriptors(descriptors), strict=True)
        fresh = [replace(one, record=replace(one.record, descriptor=row.tobytes())) for one, row in pairs]
    return fresh, check_codes(codes)


def seal_row(
    loaded: Loaded,
    code: npt.NDArray[np.uint8],
    keys: GalleryKeys,
    cipher: ContainerCipher,
    sketched: bool,
    hidden: bool = False,
) -> SealedPicture:
    """Seal one picture and what is known of it into a row.

    Args:
        loaded: the picture, and its file if that is to be sealed.
        code: ``(bits // 8,)`` uint8, plain.
        keys: of the gallery.
        cipher: seals pictures under the master key.
        sketched: whether the server is given a sketch.
        hidden: whether the server is given neither code nor sketch.
    """
    sealed = cipher.encrypt(loaded.image) if loaded.file is None else cipher.encrypt_file(loaded.file)
    return note_row(loaded.record, read_prefix(sealed).salt.hex(), code, sealed, keys, sketched, hidden)


def note_row(
    record: Record,
    identity: str,
    code: npt.NDArray[np.uint8],
    sealed: bytes,
    keys: GalleryKeys,
    sketched: bool = True,
    hidden: bool = False,
) -> SealedPicture:
    """Make the row of a picture that is sealed already: mask its code and sketch, and seal its note.

    A code that is to be hidden from the server stands in the note, and zeros in its place.
    """
    masked = keys.code_mask.apply(code[None])[0].tobytes()
    if hidden:
        record, masked, sketched = replace(record, code=masked), bytes(len(masked)), False
    note = seal_record(record, keys.record_key, identity=identity, code=masked)
    sketch = masked_sketch(record, keys) if sketched else b""
    return SealedPicture(identity, masked, note, sealed, digest=keys.digest(record), sketch=sketch)


def masked_sketch(record: Record, keys: GalleryKeys) -> bytes:
    """The masked sketch of a picture's descriptor, 24 bytes; empty if it has none."""
    if not record.descriptor:
        return b""
    descriptor = np.frombuffer(record.descriptor, np.int8)
    return keys.sketch_mask.apply(sketches_of(descriptor[None]))[0].tobytes()


def load_new(
    batch: list[Picture], known: set[str], unreadable: Unreadable, files: bool = False
) -> tuple[list[Loaded], tuple[str, ...]]:
    """Load the pictures that are not ``known`` yet, and say which could not be loaded.

    Args:
        batch: what to load.
        known: digests of those to pass over; those of what is loaded are added.
        unreadable: what to do with a picture that does not load.
        files: whether to load files as well, to be sealed as they came.
    """
    fresh, problems = [], []
    for picture in batch:
        try:
            image = picture.load()
            header = picture.header() if picture.header else ""
        except VaultError as error:
            if unreadable == "raise":
                raise
            problems.append(str(error))
            continue
        file = picture.file() if files and picture.file else None
        record = replace(Record.of(picture.name, picture.label, image, file), header=header)
        if record.digest not in known:
            known.add(record.digest)
            fresh.append(Loaded(record, image, file))
    return fresh, tuple(problems)
