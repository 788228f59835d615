"""A gallery under new secrets: another mask for a user who is no longer trusted, or another master key.

Rows are sealed again into a successor beside the store, in batches, so that a run that is stopped goes on where it was.
Readers see the old gallery until the successor takes its place at once.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from engine.encryption import AuthenticationError, cipher_for
from engine.encryption.container import VERSION, read_prefix
from engine.encryption.schemes import scheme_of
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.owner import DataOwner
from engine.retrieval.receipts import Receipt
from engine.retrieval.records import Record, open_record
from engine.retrieval.server import CloudServer
from engine.retrieval.stores import Gallery, SealedPicture, SealedRecord, StoreError
from engine.retrieval.uploading import Progress, encoder_of, new_gallery, note_row, transferring

BATCH = 64
# How often a store may change under a renewal before it gives up.
ROUNDS = 5

Reseal = Callable[[Record, SealedRecord, bytes, np.ndarray, GalleryKeys], SealedPicture]


def revoke(owner: DataOwner, server: CloudServer) -> Iterator[Progress]:
    """Give a gallery new masks, so that those who were lent the old ones find nothing in it any more.

    Pictures stay sealed as they are: a user keeps what keys were released for, and what was seen.

    Args:
        owner: of the gallery; its receipt is of the new one at the end.
        server: where it lies.

    Yields:
        The progress after each batch; nothing has changed for readers before the last.

    Raises:
        AuthenticationError: a row was changed on the server: remove it first.
        StoreError: the store fails, or changes too often meanwhile.
    """

    def remask(record: Record, row: SealedRecord, sealed: bytes, code: np.ndarray, keys: GalleryKeys) -> SealedPicture:
        return note_row(record, row.id, code, sealed, keys, sketched=bool(row.sketch), hidden=bool(record.code))

    yield from _renew(owner, server, owner.keys.key, owner.receipt, remask)


def rotate(owner: DataOwner, server: CloudServer, key: bytes, receipt: Receipt | None = None) -> Iterator[Progress]:
    """Seal a gallery again under another master key: pictures, notes and masks.

    Args:
        owner: of the gallery, with the old key.
        server: where it lies.
        key: the new master key, 32 bytes.
        receipt: of the new key.

    Yields:
        The progress after each batch; nothing has changed for readers before the last.

    Raises:
        AuthenticationError: a row was changed on the server (remove it first), or a rotation under a third key was
            begun and not ended.
        StoreError: the store fails, or changes too often meanwhile.
    """
    old = owner.keys.key
    if key == old:
        raise StoreError("The new key is the old one: name a file for a fresh key.")

    def reseal(record: Record, row: SealedRecord, sealed: bytes, code: np.ndarray, keys: GalleryKeys) -> SealedPicture:
        renewed = resealed(sealed, record, old, key)
        identity, noted = read_prefix(renewed).salt.hex(), replace(record, container=VERSION)
        return note_row(noted, identity, code, renewed, keys, sketched=bool(row.sketch), hidden=bool(record.code))

    yield from _renew(owner, server, key, receipt or Receipt(), reseal)


def resealed(sealed: bytes, record: Record, old: bytes, new: bytes) -> bytes:
    """Seal what a container holds, pixels or a file as it came, under another master key by the same scheme.

    Raises:
        AuthenticationError: it is not the picture that its owner noted.
    """
    content = record.checked(cipher_for(sealed, old).unseal(sealed))
    cipher = scheme_of(read_prefix(sealed).code).container_cipher(new)
    return cipher.encrypt(content.picture()) if content.file is None else cipher.encrypt_file(content.file)


def _renew(owner: DataOwner, server: CloudServer, key: bytes, receipt: Receipt, reseal: Reseal) -> Iterator[Progress]:
    before, successor = owner.keys, server.successor()
    encoder = b"" if before.made_by(b"") else encoder_of(owner.hasher)
    proposed = _begun(successor, key) or new_gallery(key, before.gallery.bits, encoder)
    for _ in range(ROUNDS):
        epoch = server.state.epoch
        yield from _copy(server, before, successor, _Target(proposed, key, receipt), reseal)
        if server.state.epoch == epoch:
            break
    receipt.expect(proposed.id)
    server.succeed(epoch)
    owner.receipt.forget(before.gallery.id)
    receipt.place(proposed.id)


@dataclass(frozen=True)
class _Target:
    gallery: Gallery
    key: bytes = field(repr=False)
    receipt: Receipt


def _begun(successor: CloudServer, key: bytes) -> Gallery | None:
    """The gallery of a renewal that was begun, if it is under this key."""
    gallery = successor.gallery
    if gallery is not None:
        try:
            GalleryKeys.open(key, gallery)
        except AuthenticationError as error:
            raise StoreError(
                "A renewal under another key was begun and not ended: end it with that key, or add --restart."
            ) from error
    return gallery


def _copy(
    server: CloudServer, before: GalleryKeys, successor: CloudServer, target: _Target, reseal: Reseal
) -> Iterator[Progress]:
    """Copy the rows that the successor has not, and take away those that the store has no more."""
    ids = [row.tobytes().hex() for row in server.index_rows().ids]
    # In another order than before, so that a copy of the old store does not say which row became which.
    secrets.SystemRandom().shuffle(ids)
    seen: set[bytes] = set()
    for start in range(0, len(ids), BATCH):
        rows = server.records(ids[start : start + BATCH])
        records = [open_record(row, before.record_key) for row in rows]
        with transferring(successor, target.receipt, target.gallery, target.key) as transfer:
            digests = [transfer.keys.digest(record) for record in records]
            known = successor.known(digests)
            fresh = [n for n, digest in enumerate(digests) if digest not in known]
            pictures = server.pictures([rows[n].id for n in fresh])
            for n, sealed in zip(fresh, pictures, strict=True):
                code = before.code_mask.remove(np.frombuffer(records[n].code or rows[n].code, np.uint8)[None])[0]
                transfer.send([reseal(records[n], rows[n], sealed, code, transfer.keys)])
        seen.update(digests)
        yield Progress(start + len(rows), len(ids), len(seen))
    if len(successor) != len(seen):
        extra = [row.id for row in successor.records() if row.digest not in seen]
        DataOwner(target.key, successor, receipt=target.receipt).remove(extra)
