"""The owner's side of encrypted codes: makes them for a server that then holds none that it could read."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.private.protocol import ROWS, Head, Header, PrivateSearchError, new_context, prefixed, tenseal
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.records import open_record
from engine.retrieval.stores import SealedRecord
from engine.retrieval.stores.base import ID_BYTES, SKETCH_BYTES, IndexRows, id_bytes
from engine.retrieval.uploading import masked_sketch

NONCE_BYTES, TAG_BYTES = 12, 16


@dataclass(frozen=True)
class CodesKey:
    """The BFV key of a gallery's encrypted codes, with what they are of; it decrypts every answer about them.

    Attributes:
        head: of the codes.
        context: TenSEAL's, with the secret key.
    """

    head: Head
    context: Any = field(repr=False)

    @classmethod
    def open(cls, keys: GalleryKeys, head: bytes) -> "CodesKey":
        """Open what stands sealed before encrypted codes.

        Args:
            keys: of the gallery, from its owner's master key.
            head: from ``CloudServer.private_codes``.

        Raises:
            PrivateSearchError: the codes are of another gallery or another owner, or were changed.
        """
        from Crypto.Cipher import AES

        found = Head.read(head)
        nonce, text, tag = (
            found.secret[:NONCE_BYTES],
            found.secret[NONCE_BYTES:-TAG_BYTES],
            found.secret[-TAG_BYTES:],
        )
        try:
            gcm = AES.new(keys.codes_key, AES.MODE_GCM, nonce=nonce).update(found.facts)
            secret = gcm.decrypt_and_verify(text, tag)
        except ValueError as error:
            raise PrivateSearchError(
                "The encrypted codes are of another gallery or another owner's key, or were changed: make them again "
                "with `encrypt-codes`."
            ) from error
        return cls(found, tenseal().context_from(secret))


def noted_rows(keys: GalleryKeys, rows: Sequence[SealedRecord]) -> IndexRows:
    """Ids, masked codes and sketches as an owner's notes say, whether or not the server was given them.

    Args:
        keys: of the gallery.
        rows: all that the server holds.

    Raises:
        AuthenticationError: a row was changed on the server.
    """
    records = [open_record(row, keys.record_key) for row in rows]
    codes = [record.code or row.code for record, row in zip(records, rows, strict=True)]
    sketches = [masked_sketch(record, keys) or bytes(SKETCH_BYTES) for record in records]
    parts = ([id_bytes(row.id) for row in rows], codes, sketches)
    widths = (ID_BYTES, keys.gallery.bits // 8, SKETCH_BYTES)
    ids, held, near = (np.frombuffer(b"".join(p), np.uint8).reshape(-1, w) for p, w in zip(parts, widths, strict=True))
    return IndexRows(ids, held, near, len(rows) - 1)


def encrypt_codes(keys: GalleryKeys, rows: IndexRows, epoch: int, *, sketches: bool = True) -> Iterator[bytes]:
    """Encrypt a gallery's codes bit by bit, under a fresh key that is sealed under the owner's.

    Args:
        keys: of the gallery.
        rows: ids, masked codes and sketches of all its rows.
        epoch: of the store that they were read from.
        sketches: whether sketches are encrypted as well, which order equal codes.

    Yields:
        The file in parts: the head, the ids, then 512 rows at a time, about 173 bytes a row and byte of code.

    Raises:
        PrivateSearchError: TenSEAL is not installed.

    Example:
        >>> from engine.retrieval.stores.base import Gallery
        >>> keys = GalleryKeys(bytes(32), Gallery(bytes(16), 8, bytes(32)))
        >>> rows = IndexRows(np.zeros((3, 16), np.uint8), np.zeros((3, 1), np.uint8), np.zeros((3, 24), np.uint8), 2)
        >>> head, ids, *columns = encrypt_codes(keys, rows, 1, sketches=False)
        >>> CodesKey.open(keys, head).head.header.count, len(ids), len(columns)
        (3, 48, 1)
    """
    from Crypto.Cipher import AES

    held = np.concatenate([rows.codes, rows.sketches], axis=1) if sketches else rows.codes
    context, header = new_context(), Header(8 * rows.codes.shape[1], sketches, len(held))
    secret = context.serialize(save_public_key=True, save_secret_key=True, save_relin_keys=False)
    nonce = secrets.token_bytes(NONCE_BYTES)
    head = Head(header, keys.gallery.id, epoch, bytes(len(secret) + NONCE_BYTES + TAG_BYTES))
    text, tag = AES.new(keys.codes_key, AES.MODE_GCM, nonce=nonce).update(head.facts).encrypt_and_digest(secret)
    yield head.facts + nonce + text + tag
    yield rows.ids.tobytes()
    for start in range(0, len(held), ROWS):
        yield from (prefixed(_encrypted(context, column)) for column in _columns(held[start : start + ROWS]))


def _columns(held: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The bytes of at most 512 rows by column, ``(columns, 512)``."""
    whole = np.zeros((ROWS, held.shape[1]), np.uint8)
    whole[: len(held)] = held
    return np.ascontiguousarray(whole.T)


def _encrypted(context: Any, column: npt.NDArray[np.uint8]) -> bytes:
    return bytes(tenseal().bfv_vector(context, np.unpackbits(column).tolist()).serialize())
