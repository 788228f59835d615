"""From a sealed file to the cipher, the parts and the key that belong to it."""

from typing import Literal

from engine.encryption.cipher import ContainerCipher
from engine.encryption.container import SALT_BYTES, VERSION, Container, parse, read_prefix
from engine.encryption.errors import CipherError
from engine.encryption.keys import picture_key
from engine.encryption.schemes import scheme_of


def open_container(blob: bytes) -> Container:
    """Read the header of a sealed file, and find its parts.

    Args:
        blob: the whole file.

    Returns:
        The parts, unverified; decrypting is what verifies them.

    Raises:
        CipherError: if it is no container, of another version or scheme, or of the wrong length.
    """
    return parse(blob, scheme_of(read_prefix(blob).code).layout)


def image_key(master: bytes, salt_or_container: bytes, version: int = VERSION) -> bytes:
    """Derive the key that opens exactly one sealed picture.

    Args:
        master: the owner's 32-byte master key.
        salt_or_container: the 16-byte salt of the picture, or its whole container.
        version: of the container, where only its salt is given.

    Returns:
        64 bytes (32 for a container of version 1) for ``from_image_key`` of the picture's cipher.

    Raises:
        CipherError: if the key has another length, or the container cannot be read.
    """
    if isinstance(salt_or_container, bytes) and len(salt_or_container) == SALT_BYTES:
        return picture_key(master, salt_or_container, version)
    prefix = read_prefix(salt_or_container)
    return picture_key(master, prefix.salt, prefix.version)


def cipher_for(blob: bytes, key: bytes, kind: Literal["master", "image"] = "master") -> ContainerCipher:
    """Make the cipher that opens a sealed file.

    Args:
        blob: the whole file.
        key: the owner's 32-byte master key, or the :func:`image_key` of this picture.
        kind: which of the two ``key`` is.

    Raises:
        CipherError: if the file is no container, of another version or scheme, or truncated, or the key has
            another length. Whether key and file belong together shows in ``decrypt``.

    >>> import numpy as np
    >>> from engine.encryption import AesGcmCipher
    >>> key, picture = bytes(32), np.zeros((2, 2), np.uint8)
    >>> blob = AesGcmCipher(key).encrypt(picture)
    >>> cipher_for(blob, key).decrypt(blob).shape
    (2, 2)
    """
    if kind not in ("master", "image"):
        raise CipherError(f'A key is of kind "master" or "image", not {kind!r}.')
    cipher = scheme_of(open_container(blob).code).container_cipher
    return cipher.from_image_key(key) if kind == "image" else cipher(key)
