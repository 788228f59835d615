"""AES-256-GCM (NIST SP 800-38D), the standard to measure the other schemes against."""

import secrets
from typing import Any

import numpy as np

from engine.encryption.container import AES_GCM, HEADER_BYTES, Header, check_picture, open_for
from engine.encryption.errors import NOT_GENUINE, AuthenticationError
from engine.encryption.keys import SALT_BYTES, KeyRing, expand


class AesGcmCipher:
    """Seal and open pictures with AES-256-GCM, one derived key per picture.

    >>> cipher = AesGcmCipher(bytes(32))
    >>> picture = np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    def __init__(self, key: bytes) -> None:
        """Take the owner's 32-byte master key.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        self._keys = KeyRing(key)

    @classmethod
    def from_image_key(cls, key: bytes) -> "AesGcmCipher":
        """Make a cipher that opens the one picture whose :func:`image_key` this is, and seals none.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        cipher = cls(key)
        cipher._keys = KeyRing(key, one_picture=True)
        return cipher

    def encrypt(self, image: np.ndarray) -> bytes:
        """Seal a picture under a fresh salt and nonce.

        Args:
            image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, sides 1..65535.

        Returns:
            The container described in the README of this package.

        Raises:
            CipherError: if the picture cannot be sealed, or this cipher holds only an image key.
        """
        image = check_picture(image)
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(AES_GCM.nonce_bytes)
        header = Header(AES_GCM, image.shape, image.dtype, salt).to_bytes()
        pixels = image.astype(image.dtype.newbyteorder("<"), copy=False).tobytes()
        ciphertext, tag = _gcm(self._keys.to_seal(salt), nonce, header).encrypt_and_digest(pixels)
        return b"".join((header, nonce, ciphertext, tag))

    def decrypt(self, blob: bytes) -> np.ndarray:
        """Verify and open a sealed picture.

        Raises:
            AuthenticationError: if the key is wrong or any bit changed.
        """
        container = open_for(AES_GCM, blob)
        gcm = _gcm(self._keys.to_open(container.salt), container.nonce, bytes(blob[:HEADER_BYTES]))
        try:
            pixels = gcm.decrypt_and_verify(container.ciphertext, container.tag)
        except ValueError as error:
            raise AuthenticationError(NOT_GENUINE) from error
        stored = np.frombuffer(pixels, container.dtype.newbyteorder("<"))
        return stored.astype(container.dtype).reshape(container.shape)


def _gcm(key: bytes, nonce: bytes, header: bytes) -> Any:
    """AES-256-GCM under the subkey of an image key, the header as additional data."""
    from Crypto.Cipher import AES

    gcm = AES.new(expand(key, info=b"CXR Vault aes", length=32), AES.MODE_GCM, nonce=nonce)
    return gcm.update(header)
