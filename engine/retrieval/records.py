"""The owner's private note on each picture, kept sealed beside it on the server.

A note is JSON - name, label, digest and descriptor - padded so that its length says nothing about them, under
AES-256-GCM with the picture's id and masked code as associated data: a note that was moved to another row, or
whose code was changed, does not open.
"""

import hashlib
import json
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass

import numpy as np

from engine.encryption import AuthenticationError
from engine.retrieval.stores import SealedRecord

NONCE_BYTES = 12
TAG_BYTES = 16
PADDED_BYTES = 512
# Of one length: an id and a code that follow each other then have no second reading.
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Record:
    """What the owner knows of a picture.

    Attributes:
        name: what the owner calls it.
        label: its class, if known.
        digest: SHA-256 over name, label and pixels, by which a picture is recognised as already stored.
        descriptor: what puts pictures of one code in order (``engine.hashing.descriptors``); empty if the hasher
            gives none.
    """

    name: str
    label: str | None
    digest: str
    descriptor: bytes = b""

    @classmethod
    def of(cls, name: str, label: str | None, image: np.ndarray) -> "Record":
        """Make the record of a picture.

        Example:
            >>> black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
            >>> Record.of("a.png", None, black) == Record.of("a.png", None, white)
            False
        """
        facts = json.dumps([name, label, image.shape, image.dtype.name]).encode()
        digest = hashlib.sha256(facts + np.ascontiguousarray(image).tobytes()).hexdigest()
        return cls(name, label, digest)


def seal_record(record: Record, key: bytes, *, identity: str, code: bytes) -> bytes:
    """Seal a note for one row.

    Args:
        record: what to note.
        key: 32 bytes, the owner's record key for this gallery.
        identity: id of the row, 32 hexadecimal digits.
        code: its masked code.

    Returns:
        Nonce, ciphertext and tag; a whole multiple of 512 bytes beside them.
    """
    from Crypto.Cipher import AES

    text = json.dumps([record.name, record.label, record.digest, b64encode(record.descriptor).decode()]).encode()
    nonce = secrets.token_bytes(NONCE_BYTES)
    gcm = AES.new(key, AES.MODE_GCM, nonce=nonce).update(identity.encode() + code)
    # JSON may end in blanks, so they are padding that needs no marker.
    ciphertext, tag = gcm.encrypt_and_digest(text + b" " * (-len(text) % PADDED_BYTES))
    return nonce + ciphertext + tag


def open_record(row: SealedRecord, key: bytes) -> Record:
    """Verify and open the note of a row.

    Raises:
        AuthenticationError: another key, or the id, the code or the note was changed.
    """
    from Crypto.Cipher import AES

    nonce, ciphertext, tag = (
        row.record[:NONCE_BYTES],
        row.record[NONCE_BYTES:-TAG_BYTES],
        row.record[-TAG_BYTES:],
    )
    try:
        if not _ID.fullmatch(row.id):
            raise ValueError("no id")
        gcm = AES.new(key, AES.MODE_GCM, nonce=nonce).update(row.id.encode() + row.code)
        # Notes of before there were descriptors have three parts.
        name, label, digest, *descriptor = json.loads(gcm.decrypt_and_verify(ciphertext, tag))
    except ValueError as error:
        raise AuthenticationError(
            f"The row {row.id} was changed since its owner uploaded it: restore a copy of the store."
        ) from error
    return Record(name, label, digest, b64decode("".join(descriptor)))
