"""What every cipher that makes containers does alike: keys, commitment, signature, and the order of checks."""

import hmac
import secrets
from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from engine.encryption.container import SALT_BYTES, VERSION, Container, Layout, check_picture, header, parse_for
from engine.encryption.content import Content, Frame
from engine.encryption.errors import NOT_GENUINE, NOT_SIGNED, AuthenticationError, CipherError
from engine.encryption.keys import KeyRing, commitment


class ContainerCipher(ABC):
    """Seals pictures into containers and opens them, under one derived key a picture.

    A cipher of its own says its ``layout``, how pixels are encrypted and how they are opened.
    """

    layout: ClassVar[Layout]

    def __init__(self, key: bytes) -> None:
        """Take the owner's 32-byte master key.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        self._keys = KeyRing(key)

    @classmethod
    def from_image_key(cls, key: bytes) -> Self:
        """Make a cipher that opens the one picture whose :func:`image_key` this is, and seals none.

        Args:
            key: 64 bytes, or 32 for a container of version 1.

        Raises:
            CipherError: if the key has another length.
        """
        cipher = cls(bytes(32))
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
        return self._seal(check_picture(image))

    def decrypt(self, blob: bytes) -> np.ndarray:
        """Verify a sealed picture, then open it.

        Args:
            blob: what :meth:`encrypt` returned.

        Returns:
            The exact picture, in its shape and dtype; of a file that was sealed as it came, what it decodes to.

        Raises:
            AuthenticationError: if the key is wrong, any bit changed, or (version 2) another than the owner sealed it.
            ImageError: a file that was sealed as it came does not decode within the budget.
        """
        return self.unseal(blob).picture()

    def unseal(self, blob: bytes) -> Content:
        """Verify a sealed picture and give what was sealed: pixels, or a file byte for byte.

        Raises:
            AuthenticationError: as :meth:`decrypt`.
        """
        container = parse_for(self.layout, blob)
        secret = self._keys.secret(container.salt, container.version)
        if container.version == VERSION:
            if not hmac.compare_digest(container.commitment, commitment(secret, self.layout.name)):
                raise AuthenticationError(NOT_GENUINE)
            if not self._keys.is_signed(container.signed, container.signature):
                raise AuthenticationError(NOT_SIGNED)
        return self._open(container, secret)

    def _seal(self, content: np.ndarray | bytes) -> bytes:
        salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(self.layout.nonce_bytes)
        secret = self._keys.secret_to_seal(salt)
        before = header(self.layout, salt, commitment(secret, self.layout.name))
        signed = b"".join((before, nonce, *self._encrypt(content, secret, nonce, before)))
        return signed + self._keys.sign(signed)

    def _frame_of(self, opened: bytes | memoryview) -> Frame:
        """The frame of a decrypted content, if it describes what is there."""
        frame = Frame.of(opened)
        if frame.shape is None or frame.dtype is None:
            return frame
        if self.layout.payload_bytes(frame.shape, frame.dtype) != frame.length:
            raise CipherError("The sealed file describes an impossible picture: it was made by another program.")
        return frame

    @property
    def seals_files(self) -> bool:
        """Whether :meth:`encrypt_file` seals a picture's file as it came."""
        return False

    def encrypt_file(self, data: bytes) -> bytes:
        """Seal a picture's file as it came, whatever its kind.

        Args:
            data: the whole file.

        Returns:
            A container that :meth:`decrypt` opens to the decoded picture and :meth:`unseal` to the file.

        Raises:
            CipherError: this scheme seals pixels alone, or the cipher holds only an image key.
        """
        raise CipherError(f"The {self.layout.name} scheme seals pixels and no files: decode the picture first.")

    @abstractmethod
    def _encrypt(
        self, content: np.ndarray | bytes, secret: bytes, nonce: bytes, before: bytes
    ) -> tuple[bytes | memoryview, bytes]:
        """The ciphertext and tag of pixels (or of a file, where a cipher seals files)."""

    @abstractmethod
    def _open(self, container: Container, secret: bytes) -> Content:
        """Open a container whose signature and key are right; one of version 1 is checked here, by its tag."""
