"""Keys: one master key, one derived key per picture, one derived subkey per layer (HKDF-SHA256, RFC 5869).

A picture key depends on the salt stored in the container of that picture. Whoever holds a picture key opens that
one picture and no other, and seals none: what is sealed is signed (Ed25519, RFC 8032) with a key that only the
master key gives. Whoever holds the master key opens them all.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.encryption.container import SALT_BYTES, VERSION
from engine.encryption.errors import AuthenticationError, CipherError

KEY_BYTES = 32
VERIFY_KEY_BYTES = 32
IMAGE_KEY_BYTES = KEY_BYTES + VERIFY_KEY_BYTES
_SECRET_INFO = {1: b"CXR Vault image key", 2: b"CXR Vault image key 2"}
_SIGNED = b"CXR Vault container 2"
_HASH_BYTES = 32


def generate_key() -> bytes:
    """Draw a fresh 256-bit master key from the operating system.

    >>> len(generate_key())
    32
    """
    return secrets.token_bytes(KEY_BYTES)


def check_key(key: bytes, *, lengths: tuple[int, ...] = (KEY_BYTES,), name: str = "key") -> bytes:
    """Return ``key`` as bytes, or say what is wrong with it.

    Raises:
        CipherError: if ``key`` is not bytes of one of ``lengths``.
    """
    if not isinstance(key, (bytes, bytearray, memoryview)) or len(key) not in lengths:
        wanted = " or ".join(str(length) for length in lengths)
        found = f"{len(key)} bytes" if isinstance(key, (bytes, bytearray, memoryview)) else type(key).__name__
        raise CipherError(f"The {name} must be {wanted} bytes, got {found}: pass all of it and nothing else.")
    return bytes(key)


def extract(master: bytes, *, salt: bytes) -> bytes:
    """HKDF-Extract (RFC 5869 section 2.2): a 32-byte pseudorandom key."""
    return hmac.digest(salt or bytes(_HASH_BYTES), master, "sha256")


def expand(key: bytes, *, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869 section 2.3): ``length`` bytes bound to ``info``."""
    if not 0 < length <= 255 * _HASH_BYTES:
        raise CipherError(f"HKDF-SHA256 gives 1 to 8160 bytes, not {length}: ask for fewer.")
    block, output = b"", b""
    for counter in range(1, -(-length // _HASH_BYTES) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def derive_key(master: bytes, *, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """Derive a key (HKDF-SHA256, RFC 5869).

    Args:
        master: input key material of any length.
        salt: public, ideally random; empty means 32 zero bytes.
        info: what the key is for; different purposes give independent keys.
        length: bytes wanted, 1..8160.

    Raises:
        CipherError: if ``length`` is out of range.

    >>> derive_key(b"k" * 32, salt=b"s", info=b"demo", length=4).hex()
    '6ab7a93a'
    """
    return expand(extract(master, salt=salt), info=info, length=length)


def picture_key(master: bytes, salt: bytes, version: int = VERSION) -> bytes:
    """Derive the key that opens the one picture with this salt.

    Args:
        master: the owner's 32-byte master key.
        salt: 16 bytes, from the picture's container.
        version: of the container. The two versions' keys are independent: who was given a picture of version 2 cannot
            make up one of version 1 under its salt.

    Returns:
        Version 2: 64 bytes, the picture's secret and the owner's verification key. Version 1: 32 bytes, the secret.

    Raises:
        CipherError: the key or the salt has another length.
    """
    ring = KeyRing(master)
    check_key(salt, lengths=(SALT_BYTES,), name="salt")
    return ring.secret(salt, version) + (ring.verify_key if version == VERSION else b"")


@dataclass(frozen=True)
class KeyRing:
    """What a cipher holds: the owner's master key, or the key of one picture.

    Attributes:
        key: 32 bytes, or 64 of a picture of version 2; never shown.
        one_picture: whether ``key`` is of one picture.
    """

    key: bytes = field(repr=False)
    one_picture: bool = False

    def __post_init__(self) -> None:
        """Check the key."""
        if self.one_picture:
            check_key(self.key, lengths=(KEY_BYTES, IMAGE_KEY_BYTES), name="image key")
        else:
            check_key(self.key, name="master key")

    def secret(self, salt: bytes, version: int) -> bytes:
        """The 32 secret bytes of the picture with this salt.

        Raises:
            AuthenticationError: the ring holds the key of a picture of the other version.
        """
        if not self.one_picture:
            return derive_key(self.key, salt=salt, info=_SECRET_INFO[version])
        if len(self.key) != (IMAGE_KEY_BYTES if version == VERSION else KEY_BYTES):
            raise AuthenticationError(
                f"The key of {len(self.key)} bytes is of a picture of another version than this sealed file: "
                "ask the owner for the picture's own key."
            )
        return self.key[:KEY_BYTES]

    def secret_to_seal(self, salt: bytes) -> bytes:
        """The secret for sealing a picture under this salt.

        Raises:
            CipherError: if the ring holds the key of one picture, which must not be used a second time.
        """
        if self.one_picture:
            raise CipherError("An image key opens one picture and seals none: use the owner's master key.")
        return self.secret(salt, VERSION)

    @property
    def verify_key(self) -> bytes:
        """The owner's 32-byte Ed25519 public key."""
        if self.one_picture:
            return self.key[KEY_BYTES:]
        return self._signing_key.public_key().export_key(format="raw")

    def sign(self, signed: bytes) -> bytes:
        """Sign a container: Ed25519 over a fixed word and the SHA-256 of all that comes before the signature."""
        from Crypto.Signature import eddsa

        return eddsa.new(self._signing_key, "rfc8032").sign(_SIGNED + hashlib.sha256(signed).digest())

    def is_signed(self, signed: bytes | memoryview, signature: bytes) -> bool:
        """Whether the owner signed these bytes."""
        from Crypto.Signature import eddsa

        try:
            verifier = eddsa.new(eddsa.import_public_key(self.verify_key), "rfc8032")
            verifier.verify(_SIGNED + hashlib.sha256(signed).digest(), signature)
        except ValueError:  # also: bytes of a picture key that are no point of the curve
            return False
        return True

    @cached_property
    def _signing_key(self) -> Any:
        from Crypto.Signature import eddsa

        return eddsa.import_private_key(derive_key(self.key, salt=b"", info=b"CXR Vault signing key 2"))


def commitment(secret: bytes, scheme: str) -> bytes:
    """What ties a container to one picture secret: 32 bytes from which the secret cannot be computed."""
    return expand(secret, info=f"CXR Vault commitment {scheme}".encode(), length=KEY_BYTES)
