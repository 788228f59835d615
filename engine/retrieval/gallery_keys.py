"""What an owner derives from the master key for one gallery: masks, and the keys of notes, digests and tags."""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property

from engine.encryption import AuthenticationError, derive_key
from engine.retrieval.code_mask import CodeMask
from engine.retrieval.records import Record
from engine.retrieval.sketches import SKETCH_BITS
from engine.retrieval.stores.base import DIGEST_BYTES, SKETCH_BYTES, Gallery, SealedPicture, SealedRecord, id_bytes

TAG_BYTES = 16
# Where the key check begins to depend on the encoder.
ENCODER_AT = 16


@dataclass(frozen=True)
class GalleryKeys:
    """Keys and masks of one gallery, each derived from the master key by HKDF-SHA256 under a purpose of its own.

    Attributes:
        key: 32 bytes, the owner's master key.
        gallery: which gallery; its id is the salt.

    Example:
        >>> keys = GalleryKeys(b"k" * 32, Gallery(b"g" * 16, 48, b""))
        >>> keys.code_mask.bits, len(keys.record_key)
        (48, 32)
    """

    key: bytes = field(repr=False)
    gallery: Gallery

    @classmethod
    def open(cls, key: bytes, gallery: Gallery) -> "GalleryKeys":
        """Derive what a gallery needs, if it is of this key.

        Raises:
            AuthenticationError: it is a gallery of another key.
        """
        known = cls.check_of(key, gallery.id)[:ENCODER_AT]
        if not hmac.compare_digest(gallery.key_check[:ENCODER_AT], known):
            raise AuthenticationError("This key does not open this store: use the key file it was made with.")
        return cls(key, gallery)

    @staticmethod
    def check_of(key: bytes, gallery_id: bytes, encoder: bytes = b"") -> bytes:
        """The public value by which an owner recognises a gallery and the encoder of its codes.

        Args:
            key: 32 bytes, the owner's master key.
            gallery_id: 16 bytes.
            encoder: fingerprint of the encoder that makes the codes; empty where it is not known.

        Returns:
            32 bytes: the first half is of the key, the second of the encoder as well. Without the key neither tells
            anything.
        """
        check = derive_key(key, salt=gallery_id, info=b"CXR Vault key check")
        if not encoder:
            return check
        return check[:ENCODER_AT] + derive_key(key, salt=gallery_id, info=b"CXR Vault encoder" + encoder)[ENCODER_AT:]

    def made_by(self, encoder: bytes) -> bool:
        """Tell whether an encoder made the gallery's codes; its fingerprint is empty if that is not known."""
        return hmac.compare_digest(self.gallery.key_check, self.check_of(self.key, self.gallery.id, encoder))

    @cached_property
    def code_mask(self) -> CodeMask:
        """The mask of codes."""
        return CodeMask.derive(self.key, salt=self.gallery.id, bits=self.gallery.bits)

    @cached_property
    def sketch_mask(self) -> CodeMask:
        """The mask of sketches."""
        return CodeMask.derive(self.key, salt=self.gallery.id + b"sketch", bits=SKETCH_BITS)

    @cached_property
    def record_key(self) -> bytes:
        """The key of notes, 32 bytes."""
        return derive_key(self.key, salt=self.gallery.id, info=b"CXR Vault record")

    @cached_property
    def tag_key(self) -> bytes:
        """The key of tags, 32 bytes, which users are given to check the set of rows."""
        return derive_key(self.key, salt=self.gallery.id, info=b"CXR Vault row tag")

    @cached_property
    def codes_key(self) -> bytes:
        """The key under which the key of encrypted codes is sealed, 32 bytes."""
        return derive_key(self.key, salt=self.gallery.id, info=b"CXR Vault encrypted codes")

    def digest(self, record: Record) -> bytes:
        """The keyed digest by which a server finds a duplicate and learns nothing else (HMAC-SHA256), 16 bytes."""
        return hmac.digest(self._digest_key, bytes.fromhex(record.digest), "sha256")[:DIGEST_BYTES]

    def seal_tag(self, row: SealedPicture) -> bytes:
        """A keyed hash of a row's sealed note and picture, 16 bytes."""
        return hashlib.blake2b(
            len(row.record).to_bytes(8) + row.record + row.sealed, key=self._seal_key, digest_size=TAG_BYTES
        ).digest()

    def row_tag(self, row: SealedRecord) -> bytes:
        """A keyed hash of what a server searches of a row; see :func:`row_tag`."""
        return row_tag(self.tag_key, id_bytes(row.id), row.code, row.sketch or bytes(SKETCH_BYTES))

    @cached_property
    def _digest_key(self) -> bytes:
        return derive_key(self.key, salt=self.gallery.id, info=b"CXR Vault digest")

    @cached_property
    def _seal_key(self) -> bytes:
        return derive_key(self.key, salt=self.gallery.id, info=b"CXR Vault seal tag")


def row_tag(key: bytes, identity: bytes, code: bytes, sketch: bytes) -> bytes:
    """A keyed hash (BLAKE2b, RFC 7693) of a row's id, masked code and masked sketch, 16 bytes.

    The sum of all tags modulo 2^128 is an incremental multiset hash of the rows (MSet-Add-Hash; Clarke et al., 2003):
    it changes by one addition with each row, and nobody without the key finds another set of the same sum.
    """
    return hashlib.blake2b(identity + sketch + code, key=key, digest_size=TAG_BYTES).digest()
