"""How a picture lies in memory and in a container of the frequency scheme: planes of whole 8x8 blocks."""

from dataclasses import dataclass

import numpy as np

from engine.encryption.container import Shape


def payload_bytes(shape: Shape, dtype: np.dtype) -> int:
    """Bytes of a picture between mixing and encryption: whole 8x8 blocks of 1.5 or 2.5 bytes a pixel.

    >>> payload_bytes((9, 8), np.dtype("u1"))
    192
    """
    channels = 3 if len(shape) == 3 else 1
    return channels * _whole(shape[0]) * _whole(shape[1]) * (2 * dtype.itemsize + 1) // 2


@dataclass(frozen=True)
class Payload:
    """The bytes between the nonce and what proves them, and where the planes lie in them.

    Attributes:
        words: ``(N,)`` uint64, the bytes as they lie in memory.
        low: ``(C, H, W)`` view of the low bits, sides multiples of 8, little-endian.
        high: ``(C, H, W / 2)`` uint8 view of the half-bytes.
    """

    words: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def empty(cls, shape: Shape, dtype: np.dtype, length: int | None = None) -> "Payload":
        """Room for a picture of ``shape``, ``(H, W)`` or ``(H, W, 3)``, and for zeros up to ``length`` bytes.

        >>> Payload.empty((9, 9), np.dtype(np.uint8)).low.shape
        (1, 16, 16)
        """
        return cls.of_words(np.zeros((length or payload_bytes(shape, dtype)) // 8, np.uint64), shape, dtype)

    @classmethod
    def of_words(cls, words: np.ndarray, shape: Shape, dtype: np.dtype) -> "Payload":
        """The planes at the start of ``words``, ``(N,)`` uint64, which may be longer than ``shape`` needs."""
        channels, height, width = 3 if len(shape) == 3 else 1, _whole(shape[0]), _whole(shape[1])
        split, end = channels * height * width * dtype.itemsize, payload_bytes(shape, dtype)
        low = words.view(np.uint8)[:split].view(dtype.newbyteorder("<"))
        high = words.view(np.uint8)[split:end]
        return cls(words, low.reshape(channels, height, width), high.reshape(channels, height, width // 2))


def to_planes(image: np.ndarray) -> np.ndarray:
    """``(H, W)`` or ``(H, W, 3)`` to ``(C, H, W)``, one contiguous plane per channel."""
    return np.ascontiguousarray(image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0))


def to_picture(planes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``(C, >=H, >=W)`` cut to and arranged as ``shape``, ``(H, W)`` or ``(H, W, 3)``."""
    cut = planes[:, : shape[0], : shape[1]]
    return np.ascontiguousarray(cut[0] if len(shape) == 2 else np.moveaxis(cut, 0, 2))


def pad(planes: np.ndarray) -> np.ndarray:
    """Fill ``(C, H, W)`` up to whole blocks, at the bottom and right, with the middle of the range.

    The middle becomes zero when the blocks are centred, so padding adds no energy to a block.

    >>> pad(np.zeros((1, 1, 1), np.uint8))[0, 0, :3].tolist()
    [0, 128, 128]
    """
    channels, height, width = planes.shape
    if height % 8 == 0 and width % 8 == 0:
        return planes
    middle = 1 << (planes.dtype.itemsize * 8 - 1)
    padded = np.full((channels, _whole(height), _whole(width)), middle, planes.dtype)
    padded[:, :height, :width] = planes
    return padded


def _whole(side: int) -> int:
    return -(-side // 8) * 8
