"""Run lengths of DICOM (PS3.5 Annex G): one PackBits segment for each byte of a sample, the highest first."""

import struct

import numpy as np
from PIL import Image

from engine.imaging.jpeg import damaged

_HEADER = struct.Struct("<16I")


def decode_run_lengths(frame: bytes, shape: tuple[int, int, int], bytes_each: int) -> np.ndarray:
    """Decode a frame.

    No more is unpacked than the shape needs, whatever the segments hold.

    Args:
        frame: The compressed bytes.
        shape: Rows, columns and channels.
        bytes_each: Of a sample, 1 or 2.

    Returns:
        ``(rows, columns, channels)``, uint8 or uint16.

    Raises:
        ImageError: It has another number of segments, or one of them ends early.

    >>> header = struct.pack("<16I", 1, 64, *[0] * 14)
    >>> decode_run_lengths(header + bytes([0xFE, 7, 1, 8, 9]), (1, 5, 1), 1).ravel().tolist()
    [7, 7, 7, 8, 9]
    """
    rows, columns, channels = shape
    segments = _segments(frame, channels * bytes_each)
    planes = np.empty((channels, rows * columns, bytes_each), np.uint8)
    for number, segment in enumerate(segments):
        channel, byte = divmod(number, bytes_each)
        planes[channel, :, bytes_each - 1 - byte] = _unpacked(segment, rows * columns)
    words = planes.view("<u2" if bytes_each == 2 else np.uint8).reshape(channels, rows, columns)
    return np.moveaxis(words.astype(words.dtype.newbyteorder("="), copy=False), 0, 2)


def _segments(frame: bytes, count: int) -> list[memoryview]:
    if len(frame) < _HEADER.size:
        raise damaged("DICOM")
    stated, *offsets = _HEADER.unpack_from(frame)
    starts = [*offsets[:count], len(frame)]
    if stated != count or starts[0] < _HEADER.size or starts != sorted(starts):
        raise damaged("DICOM")
    view = memoryview(frame)
    return [view[start:end] for start, end in zip(starts, starts[1:], strict=False)]


def _unpacked(segment: memoryview, size: int) -> np.ndarray:
    """Unpack PackBits; Pillow's decoder stops at ``size`` bytes and refuses a segment that has fewer."""
    try:
        return np.asarray(Image.frombytes("L", (size, 1), bytes(segment), "packbits", "L"))[0]
    except ValueError as error:
        raise damaged("DICOM") from error
