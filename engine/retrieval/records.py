"""The owner's private note on each picture, kept sealed beside it on the server.

A note is JSON - name, label, digests, descriptor and the version of the picture's container - deflated, since half of
it is keys, and padded so that its length says nothing about them. It lies under AES-256-GCM with the picture's id and
masked code as associated data: a note that was moved to another row, or whose code was changed, does not open.

The digests say which picture belongs to the row. Everybody who opens it checks them, so that no other picture passes
for it, not even one that the owner sealed, nor (in a store of before containers were signed) one that a user sealed.
"""

import hashlib
import hmac
import json
import re
import secrets
import zlib
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from engine.encryption import AuthenticationError, Content
from engine.encryption.container import VERSION
from engine.retrieval.stores import SealedRecord

NONCE_BYTES = 12
TAG_BYTES = 16
PADDED_BYTES = 256
# JSON has no bytes.
_BINARY = ("descriptor", "code")
# What notes have in common, for their compression (RFC 1950, FDICT): a changed byte here would close all notes written.
_COMMON = (
    b'", "label": "pneumonia", "label": "normal", "label": "covid-19", "container": 2, "header": "", "code": ""}'
    b'{"name": "", "label": null, "digest": "", "descriptor": "", "file_digest": "'
)
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
        file_digest: SHA-256 of the file, where it was sealed as it came; empty where pixels were.
        container: version of the container in which the picture lies.
        header: what is kept of its DICOM header, as JSON (``engine.clinic.header``); empty if nothing is.
        code: its masked code, where the server was given none (``DataOwner(hidden=True)``); else empty.
    """

    name: str
    label: str | None
    digest: str
    descriptor: bytes = b""
    file_digest: str = ""
    container: int = VERSION
    header: str = ""
    code: bytes = b""

    @classmethod
    def of(cls, name: str, label: str | None, image: np.ndarray, file: bytes | None = None) -> "Record":
        """Make the record of a picture.

        Args:
            name: what the owner calls it.
            label: its class, if known.
            image: the pixels, ``(H, W)`` uint8 or uint16.
            file: what is sealed in their place, if the file is sealed as it came.

        Example:
            >>> black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
            >>> Record.of("a.png", None, black) == Record.of("a.png", None, white)
            False
        """
        facts = json.dumps([name, label, image.shape, image.dtype.name]).encode()
        digest = hashlib.sha256(facts + np.ascontiguousarray(image).tobytes()).hexdigest()
        return cls(name, label, digest, file_digest="" if file is None else hashlib.sha256(file).hexdigest())

    def checked(self, content: Content) -> Content:
        """Return what was opened, if it is what was noted.

        Args:
            content: from ``ContainerCipher.unseal``.

        Raises:
            AuthenticationError: it is another, or the note does not say which it should be.
            ImageError: a file that was sealed as it came does not decode within the budget.
        """
        if not (self.file_digest or self.digest):
            raise AuthenticationError(
                f"The note on {self.name} holds no digest, so nothing says which picture it should be: upload it again."
            )
        if self.file_digest:  # decoders change, a file does not: its own digest is compared
            found, wanted = hashlib.sha256(content.file or b"").hexdigest(), self.file_digest
        else:
            found, wanted = Record.of(self.name, self.label, content.picture()).digest, self.digest
        if not hmac.compare_digest(found, wanted):
            raise AuthenticationError(
                f"The picture of {self.name} is not the one its owner uploaded: do not trust this server."
            )
        return content


def seal_record(record: Record, key: bytes, *, identity: str, code: bytes) -> bytes:
    """Seal a note for one row.

    Args:
        record: what to note.
        key: 32 bytes, the owner's record key for this gallery.
        identity: id of the row, 32 hexadecimal digits.
        code: its masked code.

    Returns:
        Nonce, ciphertext and tag; a whole multiple of ``PADDED_BYTES`` beside them.
    """
    from Crypto.Cipher import AES

    binary = {name: b64encode(getattr(record, name)).decode() for name in _BINARY}
    text = _deflated(json.dumps(asdict(record) | binary).encode())
    nonce = secrets.token_bytes(NONCE_BYTES)
    gcm = AES.new(key, AES.MODE_GCM, nonce=nonce).update(identity.encode() + code)
    # A deflated text knows its own end, so padding needs no marker.
    ciphertext, tag = gcm.encrypt_and_digest(text + bytes(-len(text) % PADDED_BYTES))
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
        note = json.loads(_inflated(gcm.decrypt_and_verify(ciphertext, tag)))
    except (ValueError, zlib.error) as error:
        raise AuthenticationError(
            f"The row {row.id} was changed since its owner uploaded it: restore a copy of the store."
        ) from error
    return _record_of(note)


def _deflated(text: bytes) -> bytes:
    packer = zlib.compressobj(9, zdict=_COMMON)
    return packer.compress(text) + packer.flush()


def _inflated(text: bytes) -> bytes:
    """A note's JSON; notes of before they were deflated begin with its bracket."""
    return text if text.startswith((b"{", b"[")) else zlib.decompressobj(zdict=_COMMON).decompress(text)


def _record_of(note: Any) -> Record:
    """A note as it was written by this program or one before it."""
    if isinstance(note, list):
        # Before containers were signed a note was a list; before there were descriptors it had three parts.
        name, label, digest, *descriptor = note
        return Record(name, label, digest, b64decode("".join(descriptor)), container=1)
    known = {field.name for field in fields(Record)}
    values = {name: value for name, value in note.items() if name in known}
    return Record(**values | {name: b64decode(values.get(name, "")) for name in _BINARY})
