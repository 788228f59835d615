"""The sealed file: a short header, a nonce, the ciphertext, and what proves whose it is.

The layout, byte by byte, is in the README of this package. Reading a file proves nothing: only its signature
(version 2) or its tag (version 1) does, and each cipher checks them before it looks at anything else.

Version 1 is read and no longer written: whoever was given the key of a picture could seal another under it.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.encryption.errors import AuthenticationError, CipherError

MAGIC = b"CXRV"
VERSION = 2
MAX_SIDE = 65_535
SALT_BYTES, COMMITMENT_BYTES, SIGNATURE_BYTES = 16, 32, 64
_PREFIX = struct.Struct(">4sBB")
_SHAPE_V1 = struct.Struct(">BBII")
HEADER_BYTES = _PREFIX.size + SALT_BYTES + COMMITMENT_BYTES
HEADER_BYTES_V1 = _PREFIX.size + _SHAPE_V1.size + SALT_BYTES
TRUNCATED = "The sealed file is longer or shorter than its picture needs: fetch the whole file again."

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How a cipher fills a container.

    Attributes:
        name: of the cipher's scheme, as the command line and results call it.
        code: the byte that stands for it.
        nonce_bytes: drawn afresh for every picture.
        tag_bytes: of the cipher's own authentication, beside the owner's signature.
        tag_bytes_v1: the same in version 1, which had no signature.
        payload_bytes: how long a picture of a shape and dtype is before encryption, without padding.
    """

    name: str
    code: int
    nonce_bytes: int
    tag_bytes: int
    tag_bytes_v1: int
    payload_bytes: Callable[[Shape, np.dtype], int] = field(repr=False)


@dataclass(frozen=True)
class Container:
    """The parts of a sealed file, unverified.

    Attributes:
        version: 1 or 2.
        code: of the scheme.
        salt: 16 bytes, drawn for this picture.
        nonce: as long as the scheme's layout says.
        ciphertext: a view of the encrypted bytes.
        tag: of the cipher's own authentication.
        signed: a view of all that the signature (version 2) or the tag (version 1) covers.
        header: all before the nonce.
        commitment: 32 bytes that only one picture key gives; empty in version 1.
        signature: 64 bytes, Ed25519; empty in version 1.
        shape: ``(H, W)`` or ``(H, W, 3)``; None in version 2, which seals it.
        dtype: ``uint8`` or ``uint16``; None in version 2.
    """

    version: int
    code: int
    salt: bytes
    nonce: bytes
    ciphertext: memoryview
    tag: bytes
    signed: memoryview
    header: bytes
    commitment: bytes = b""
    signature: bytes = b""
    shape: Shape | None = None
    dtype: np.dtype | None = None


@dataclass(frozen=True)
class Prefix:
    """What every version begins with."""

    version: int
    code: int
    salt: bytes


def read_prefix(blob: bytes) -> Prefix:
    """Read which version, scheme and salt a sealed file names.

    Raises:
        CipherError: it is no container, or of an unknown version.
    """
    data = as_view(blob)
    if len(data) < HEADER_BYTES_V1 or data[: len(MAGIC)] != MAGIC:
        raise CipherError("This is not a file sealed by CXR Vault: choose the sealed file itself.")
    _, version, code = _PREFIX.unpack_from(data)
    if version not in (1, VERSION):
        raise CipherError(
            f"The sealed file has version {version}, this program reads 1 and {VERSION}: update the program."
        )
    start = _PREFIX.size + (_SHAPE_V1.size if version == 1 else 0)
    return Prefix(version, code, bytes(data[start : start + SALT_BYTES]))


def parse(blob: bytes, layout: Layout) -> Container:
    """Find the parts of a sealed file of one scheme.

    Raises:
        CipherError: it is no container, of another version, or of the wrong length.
    """
    prefix, data = read_prefix(blob), as_view(blob)
    return (_parse_v1 if prefix.version == 1 else _parse_v2)(data, prefix, layout)


def parse_for(layout: Layout, blob: bytes) -> Container:
    """Read a container on behalf of the cipher of ``layout``, which is about to verify it.

    Nothing in an unverified header can be believed: a changed version byte and another version look the
    same. So every defect is reported as the one error that says "do not trust this file".

    Raises:
        AuthenticationError: if the bytes cannot be a container of this scheme.
    """
    try:
        if read_prefix(blob).code != layout.code:
            raise CipherError(
                f"The file was not sealed with the {layout.name} scheme: open it with the cipher it names."
            )
        return parse(blob, layout)
    except CipherError as error:
        raise AuthenticationError(str(error)) from error


def header(layout: Layout, salt: bytes, commitment: bytes) -> bytes:
    """The 54 bytes before the nonce."""
    return _PREFIX.pack(MAGIC, VERSION, layout.code) + salt + commitment


def padded_bytes(length: int) -> int:
    """The size class of a content: Padmé (Nikitin et al., PETS 2019), rounded up to whole 8-byte blocks.

    At most 12 % longer, and of all lengths up to ``n`` only O(log log n) bits are told.

    >>> [padded_bytes(length) for length in (1, 1000, 9_000, 262_168)]
    [8, 1024, 9216, 270336]
    """
    exponent = length.bit_length() - 1
    zeros = max(3, exponent - exponent.bit_length())
    return -(-length >> zeros) << zeros


def sealed_bytes(layout: Layout, length: int) -> int:
    """Size of the container of a content of ``length`` bytes, frame included."""
    return HEADER_BYTES + layout.nonce_bytes + padded_bytes(length) + layout.tag_bytes + SIGNATURE_BYTES


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


def as_view(blob: bytes) -> memoryview:
    """The bytes of a sealed file.

    Raises:
        CipherError: it is something else.
    """
    if not isinstance(blob, (bytes, bytearray, memoryview)):
        raise CipherError(f"A sealed picture is bytes, got {type(blob).__name__}: read the file in binary mode.")
    return memoryview(blob).cast("B")


def picture_shape(bits: int, channels: int, height: int, width: int) -> tuple[Shape, np.dtype]:
    """Shape and dtype of the picture that four numbers describe.

    Raises:
        CipherError: there is no such picture.
    """
    if bits not in (8, 16) or channels not in (1, 3) or not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise CipherError("The sealed file describes an impossible picture: it is damaged, fetch it again.")
    shape = (height, width, 3) if channels == 3 else (height, width)
    return shape, np.dtype(np.uint8 if bits == 8 else np.uint16)


def _parse_v1(data: memoryview, prefix: Prefix, layout: Layout) -> Container:
    shape, dtype = picture_shape(*_SHAPE_V1.unpack_from(data, _PREFIX.size))
    start, end = HEADER_BYTES_V1 + layout.nonce_bytes, len(data) - layout.tag_bytes_v1
    if end - start != layout.payload_bytes(shape, dtype):
        raise CipherError(TRUNCATED)
    return Container(
        version=1,
        code=prefix.code,
        salt=prefix.salt,
        nonce=bytes(data[HEADER_BYTES_V1:start]),
        ciphertext=data[start:end],
        tag=bytes(data[end:]),
        signed=data[:end],
        header=bytes(data[:HEADER_BYTES_V1]),
        shape=shape,
        dtype=dtype,
    )


def _parse_v2(data: memoryview, prefix: Prefix, layout: Layout) -> Container:
    start, signed = HEADER_BYTES + layout.nonce_bytes, len(data) - SIGNATURE_BYTES
    end = signed - layout.tag_bytes
    if end <= start or padded_bytes(end - start) != end - start:
        raise CipherError(TRUNCATED)
    return Container(
        version=VERSION,
        code=prefix.code,
        salt=prefix.salt,
        nonce=bytes(data[HEADER_BYTES:start]),
        ciphertext=data[start:end],
        tag=bytes(data[end:signed]),
        signed=data[:signed],
        header=bytes(data[:HEADER_BYTES]),
        commitment=bytes(data[HEADER_BYTES - COMMITMENT_BYTES : HEADER_BYTES]),
        signature=bytes(data[signed:]),
    )
