"""What a container holds once it is open: pixels, or a file as it came."""

import struct
from dataclasses import dataclass, field

import numpy as np

from engine.encryption.container import Shape, padded_bytes, picture_shape
from engine.encryption.errors import CipherError

# Kind, bits a sample, channels, height, width, length; at the end of the sealed part, so that a payload begins where
# the keystream does.
_FRAME = struct.Struct(">BBBxIIQ4x")
FRAME_BYTES = _FRAME.size
PIXELS, FILE = 1, 2


@dataclass(frozen=True)
class Frame:
    """How to read what was sealed; itself sealed, so that a container says nothing of it.

    Attributes:
        length: of the payload, in bytes.
        shape: ``(H, W)`` or ``(H, W, 3)``; None of a file.
        dtype: ``uint8`` or ``uint16``; None of a file.
    """

    length: int
    shape: Shape | None = None
    dtype: np.dtype | None = None

    @property
    def padded_bytes(self) -> int:
        """Length of the sealed part: payload, zeros up to the size class, frame."""
        return padded_bytes(self.length + FRAME_BYTES)

    def to_bytes(self) -> bytes:
        """The 24 bytes at the end of the sealed part."""
        if self.shape is None or self.dtype is None:
            return _FRAME.pack(FILE, 0, 0, 0, 0, self.length)
        channels = 3 if len(self.shape) == 3 else 1
        return _FRAME.pack(PIXELS, self.dtype.itemsize * 8, channels, *self.shape[:2], self.length)

    def around(self, payload: bytes | memoryview) -> bytes:
        """The whole sealed part before encryption."""
        zeros = bytes(self.padded_bytes - FRAME_BYTES - self.length)
        return b"".join((payload, zeros, self.to_bytes()))

    @classmethod
    def of(cls, opened: bytes | memoryview) -> "Frame":
        """Read the frame of a decrypted content.

        Raises:
            CipherError: it describes no content; an owner of another program has signed it.
        """
        if len(opened) < FRAME_BYTES:
            raise CipherError("The sealed file holds nothing: it was made by another program.")
        kind, bits, channels, height, width, length = _FRAME.unpack(opened[len(opened) - FRAME_BYTES :])
        if kind not in (PIXELS, FILE) or length > len(opened) - FRAME_BYTES:
            raise CipherError("The sealed file holds neither pixels nor a file: it was made by a newer program.")
        return cls(length) if kind == FILE else cls(length, *picture_shape(bits, channels, height, width))


@dataclass(frozen=True)
class Content:
    """What came out of a container: one of the two.

    Attributes:
        pixels: the picture that was sealed.
        file: the file that was sealed, byte for byte.
    """

    pixels: np.ndarray | None = field(default=None, repr=False)
    file: bytes | None = field(default=None, repr=False)

    def picture(self) -> np.ndarray:
        """The picture: the pixels, or the file decoded within the budget of every upload.

        Raises:
            ImageError: the file is no picture, or costs more than a picture may.
        """
        if self.file is None:
            assert self.pixels is not None
            return self.pixels
        from engine.imaging import load_image

        return load_image(self.file)
