"""The sealed file: a header that says how to read it, a nonce, the ciphertext, an authentication tag.

The layout, byte by byte, is in the README of this package. Reading a header proves nothing: only the tag
does, and each cipher checks it before it looks at anything else.
"""

import struct
from dataclasses import dataclass

import numpy as np

from engine.encryption.errors import AuthenticationError, CipherError
from engine.encryption.keys import SALT_BYTES

MAGIC = b"CXRV"
VERSION = 1
MAX_SIDE = 65_535
_FIXED = struct.Struct(">4sBBBBII")
HEADER_BYTES = _FIXED.size + SALT_BYTES


@dataclass(frozen=True)
class Scheme:
    """What a scheme adds to the common header."""

    name: str
    code: int
    nonce_bytes: int
    tag_bytes: int


FREQUENCY = Scheme("frequency", code=1, nonce_bytes=4, tag_bytes=32)
AES_GCM = Scheme("aes", code=2, nonce_bytes=12, tag_bytes=16)
_SCHEMES = {scheme.code: scheme for scheme in (FREQUENCY, AES_GCM)}


@dataclass(frozen=True)
class Header:
    """The readable part of a container. Not to be trusted before the tag was checked.

    Attributes:
        scheme: which cipher sealed it.
        shape: ``(H, W)`` or ``(H, W, 3)``.
        dtype: ``uint8`` or ``uint16``.
        salt: 16 bytes, drawn for this picture.
        version: of the container.
    """

    scheme: Scheme
    shape: tuple[int, ...]
    dtype: np.dtype
    salt: bytes
    version: int = VERSION

    def to_bytes(self) -> bytes:
        """The 32 header bytes."""
        channels = 3 if len(self.shape) == 3 else 1
        height, width = self.shape[:2]
        fixed = _FIXED.pack(MAGIC, self.version, self.scheme.code, self.dtype.itemsize * 8, channels, height, width)
        return fixed + self.salt


@dataclass(frozen=True)
class Container(Header):
    """A header with what follows it.

    Attributes:
        nonce: 4 (frequency) or 12 (aes) bytes.
        ciphertext: a view of the encrypted bytes.
        tag: 32 (frequency) or 16 (aes) bytes.
    """

    nonce: bytes = b""
    ciphertext: memoryview = memoryview(b"")
    tag: bytes = b""


def ciphertext_bytes(scheme: Scheme, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """How long the ciphertext of a picture is: its pixels, or whole blocks of 1.5 or 2.5 bytes a pixel.

    >>> ciphertext_bytes(FREQUENCY, (9, 8), np.dtype("u1")), ciphertext_bytes(AES_GCM, (9, 8), np.dtype("u1"))
    (192, 72)
    """
    channels = 3 if len(shape) == 3 else 1
    if scheme == AES_GCM:
        return shape[0] * shape[1] * channels * dtype.itemsize
    blocks = -(-shape[0] // 8) * -(-shape[1] // 8) * channels
    return blocks * (64 * dtype.itemsize + 32)


def check_picture(image: np.ndarray) -> np.ndarray:
    """Return ``image`` as a native, contiguous array, or say why it cannot be sealed.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, sides 1..65535.

    Raises:
        CipherError: for any other type, dtype or shape.
    """
    if not isinstance(image, np.ndarray):
        raise CipherError(f"The picture must be a NumPy array, got {type(image).__name__}: decode it first.")
    if image.dtype.kind != "u" or image.dtype.itemsize not in (1, 2):
        raise CipherError(f"The picture must be uint8 or uint16, got {image.dtype}: convert it first.")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise CipherError(f"The picture must be (H, W) or (H, W, 3), got shape {image.shape}: reshape it first.")
    if not all(1 <= side <= MAX_SIDE for side in image.shape[:2]):
        raise CipherError(f"Each side must be 1..{MAX_SIDE} pixels, got shape {image.shape}: crop or resize it.")
    return np.ascontiguousarray(image, dtype=image.dtype.newbyteorder("="))


def open_container(blob: bytes) -> Container:
    """Read the header of a sealed file, and find its parts.

    Args:
        blob: the whole file.

    Returns:
        The parts, unverified; decrypting is what verifies them.

    Raises:
        CipherError: if it is no container, of another version or scheme, or of the wrong length.
    """
    if not isinstance(blob, (bytes, bytearray, memoryview)):
        raise CipherError(f"A sealed picture is bytes, got {type(blob).__name__}: read the file in binary mode.")
    data = memoryview(blob).cast("B")
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise CipherError("This is not a file sealed by CXR Vault: choose the sealed file itself.")
    _, version, code, bits, channels, height, width = _FIXED.unpack_from(data)
    if version != VERSION:
        raise CipherError(f"The sealed file has version {version}, this program reads {VERSION}: update the program.")
    if code not in _SCHEMES:
        raise CipherError(f"The sealed file names an unknown scheme ({code}): it is damaged, fetch it again.")
    if bits not in (8, 16) or channels not in (1, 3) or not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise CipherError("The sealed file describes an impossible picture: it is damaged, fetch it again.")
    scheme, body = _SCHEMES[code], data[HEADER_BYTES:]
    shape = (height, width, 3) if channels == 3 else (height, width)
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    if len(body) != scheme.nonce_bytes + ciphertext_bytes(scheme, shape, dtype) + scheme.tag_bytes:
        raise CipherError("The sealed file is longer or shorter than its picture needs: fetch the whole file again.")
    return Container(
        scheme=scheme,
        shape=shape,
        dtype=dtype,
        salt=bytes(data[_FIXED.size : HEADER_BYTES]),
        version=version,
        nonce=bytes(body[: scheme.nonce_bytes]),
        ciphertext=body[scheme.nonce_bytes : len(body) - scheme.tag_bytes],
        tag=bytes(body[len(body) - scheme.tag_bytes :]),
    )


def open_for(scheme: Scheme, blob: bytes) -> Container:
    """Read a container on behalf of the cipher of ``scheme``, which is about to verify it.

    Nothing in an unverified header can be believed: a changed version byte and another version look the
    same. So every defect is reported as the one error that says "do not trust this file".

    Raises:
        AuthenticationError: if the bytes cannot be a container of ``scheme``.
    """
    try:
        container = open_container(blob)
    except CipherError as error:
        raise AuthenticationError(str(error)) from error
    if container.scheme != scheme:
        raise AuthenticationError(
            f"The file was sealed with the {container.scheme.name} scheme, not with {scheme.name}: "
            f"open it with the {container.scheme.name} cipher."
        )
    return container
