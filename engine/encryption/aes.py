"""AES-256-GCM (NIST SP 800-38D), the standard to measure the other schemes against."""

import math
from typing import Any

import numpy as np

from engine.encryption.cipher import ContainerCipher
from engine.encryption.container import Container, Layout, Shape
from engine.encryption.content import Content, Frame
from engine.encryption.errors import NOT_GENUINE, AuthenticationError
from engine.encryption.keys import expand


def payload_bytes(shape: Shape, dtype: np.dtype) -> int:
    """Bytes of a picture's pixels.

    >>> payload_bytes((9, 8), np.dtype("u2"))
    144
    """
    return math.prod(shape) * dtype.itemsize


class AesGcmCipher(ContainerCipher):
    """Seal and open pictures, and files as they came, with AES-256-GCM, one derived key per picture.

    >>> cipher = AesGcmCipher(bytes(32))
    >>> picture = np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    layout = Layout("aes", 2, nonce_bytes=12, tag_bytes=16, tag_bytes_v1=16, payload_bytes=payload_bytes)

    @property
    def seals_files(self) -> bool:
        """Files of any kind."""
        return True

    def encrypt_file(self, data: bytes) -> bytes:
        """Seal a picture's file as it came; see :meth:`ContainerCipher.encrypt_file`.

        >>> AesGcmCipher(bytes(32)).unseal(AesGcmCipher(bytes(32)).encrypt_file(b"DICM")).file
        b'DICM'
        """
        return self._seal(bytes(data))

    def _encrypt(
        self, content: np.ndarray | bytes, secret: bytes, nonce: bytes, before: bytes
    ) -> tuple[bytes | memoryview, bytes]:
        if isinstance(content, np.ndarray):
            payload = content.astype(content.dtype.newbyteorder("<"), copy=False).tobytes()
            frame = Frame(len(payload), content.shape, content.dtype)
        else:
            payload, frame = content, Frame(len(content))
        return _gcm(secret, nonce, before).encrypt_and_digest(frame.around(payload))

    def _open(self, container: Container, secret: bytes) -> Content:
        gcm = _gcm(secret, container.nonce, container.header)
        try:
            opened = gcm.decrypt_and_verify(container.ciphertext, container.tag)
        except ValueError as error:
            raise AuthenticationError(NOT_GENUINE) from error
        if container.shape is not None and container.dtype is not None:
            return Content(pixels=_pixels(opened, container.shape, container.dtype))
        frame = self._frame_of(opened)
        payload = memoryview(opened)[: frame.length]
        if frame.shape is None or frame.dtype is None:
            return Content(file=bytes(payload))
        return Content(pixels=_pixels(payload, frame.shape, frame.dtype))


def _pixels(payload: bytes | memoryview, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """A picture of its own from its little-endian bytes."""
    return np.frombuffer(payload, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _gcm(secret: bytes, nonce: bytes, before: bytes) -> Any:
    """AES-256-GCM under the subkey of a picture's secret, the header as additional data."""
    from Crypto.Cipher import AES

    gcm = AES.new(expand(secret, info=b"CXR Vault aes", length=32), AES.MODE_GCM, nonce=nonce)
    return gcm.update(before)
