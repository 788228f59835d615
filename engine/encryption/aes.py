"""AES-256-GCM (NIST SP 800-38D), the standard to measure the other schemes against."""

import secrets

import numpy as np

from engine.encryption.container import AES_GCM, Header, check_picture, open_for
from engine.encryption.errors import NOT_GENUINE, AuthenticationError, CipherError
from engine.encryption.keys import SALT_BYTES, check_key, expand, image_key


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
        self._master: bytes | None = check_key(key, name="master key")
        self._image_key: bytes | None = None

    @classmethod
    def from_image_key(cls, key: bytes) -> "AesGcmCipher":
        """Make a cipher that opens the one picture whose :func:`image_key` this is, and seals none.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        cipher = cls(check_key(key, name="image key"))
        cipher._master, cipher._image_key = None, key
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
        if self._master is None:
            raise CipherError("An image key opens one picture and seals none: use the owner's master key.")
        image = check_picture(image)
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(AES_GCM.nonce_bytes)
        header = Header(AES_GCM, image.shape, image.dtype, salt).to_bytes()
        pixels = image.astype(image.dtype.newbyteorder("<"), copy=False).tobytes()
        ciphertext, tag = self._gcm(salt, nonce, header).encrypt_and_digest(pixels)
        return b"".join((header, nonce, ciphertext, tag))

    def decrypt(self, blob: bytes) -> np.ndarray:
        """Verify and open a sealed picture.

        Raises:
            AuthenticationError: if the key is wrong or any bit changed.
        """
        container = open_for(AES_GCM, blob)
        gcm = self._gcm(container.salt, container.nonce, container.to_bytes())
        try:
            pixels = gcm.decrypt_and_verify(container.ciphertext, container.tag)
        except ValueError as error:
            raise AuthenticationError(NOT_GENUINE) from error
        stored = np.frombuffer(pixels, container.dtype.newbyteorder("<"))
        return stored.astype(container.dtype).reshape(container.shape)

    def _gcm(self, salt: bytes, nonce: bytes, header: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
        from Crypto.Cipher import AES

        key = self._image_key or image_key(self._master or b"", salt)
        gcm = AES.new(expand(key, info=b"CXR Vault aes", length=32), AES.MODE_GCM, nonce=nonce)
        return gcm.update(header)
