"""Keys: one master key, one derived key per picture, one derived subkey per layer (HKDF-SHA256, RFC 5869).

The picture key depends on the salt stored in the container of that picture. Whoever holds a picture key
opens that one picture and no other; whoever holds the master key opens them all.
"""

import hmac
import secrets
from dataclasses import dataclass, field

from engine.encryption.errors import CipherError

KEY_BYTES = 32
SALT_BYTES = 16
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


def image_key(master: bytes, salt_or_container: bytes) -> bytes:
    """Derive the key that opens exactly one sealed picture.

    Args:
        master: the owner's 32-byte master key.
        salt_or_container: the 16-byte salt of the picture, or its whole container.

    Returns:
        32 bytes for :meth:`FrequencyCipher.from_image_key` or :meth:`AesGcmCipher.from_image_key`.

    Raises:
        CipherError: if the key has another length, or the container cannot be read.
    """
    from engine.encryption.container import open_container

    salt = salt_or_container
    if not isinstance(salt, bytes) or len(salt) != SALT_BYTES:
        salt = open_container(salt).salt
    return derive_key(check_key(master, name="master key"), salt=salt, info=b"CXR Vault image key")


@dataclass(frozen=True)
class KeyRing:
    """What a cipher holds: the owner's master key, or the image key of one picture.

    Attributes:
        key: 32 bytes; never shown.
        one_picture: whether ``key`` is an image key.
    """

    key: bytes = field(repr=False)
    one_picture: bool = False

    def __post_init__(self) -> None:
        """Check the key."""
        check_key(self.key, name="image key" if self.one_picture else "master key")

    def to_open(self, salt: bytes) -> bytes:
        """The image key of the picture with this salt."""
        return self.key if self.one_picture else image_key(self.key, salt)

    def to_seal(self, salt: bytes) -> bytes:
        """The image key for sealing a picture under this salt.

        Raises:
            CipherError: if the ring holds an image key, whose subkeys must not be used a second time.
        """
        if self.one_picture:
            raise CipherError("An image key opens one picture and seals none: use the owner's master key.")
        return image_key(self.key, salt)
