"""What a PNG says of itself, and its pixels at 16 bits (PNG, third edition)."""

import zlib
from dataclasses import dataclass

import numpy as np

from engine.imaging.jpeg import damaged

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row of each pass, and the steps between its columns and rows.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_WINDOW = 1 << 20


@dataclass(frozen=True)
class PngHeader:
    """The first chunk of a PNG.

    Attributes:
        columns: width in pixels.
        rows: height in pixels.
        depth: bits of a sample.
        colour: 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha.
        interlaced: whether its rows come in seven passes.
    """

    columns: int
    rows: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def samples(self) -> int:
        """Channels that are decoded."""
        return _CHANNELS[self.colour]

    @property
    def filtered_bytes(self) -> int:
        """How many bytes its rows have before compression, filter types included."""
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, across, down in passes:
            columns, rows = -(-(self.columns - left) // across), -(-(self.rows - top) // down)
            total += rows * (1 + -(-columns * self.samples * self.depth // 8)) if columns > 0 and rows > 0 else 0
        return total


def read_png(data: bytes) -> PngHeader:
    """Read the header chunk.

    Raises:
        ImageError: It is missing or damaged.
    """
    body = data[16:29]
    if data[12:16] != b"IHDR" or len(body) < 13 or body[9] not in _CHANNELS:
        raise damaged("PNG")
    columns, rows = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    return PngHeader(columns, rows, body[8], body[9], body[12] == 1)


def check_whole(data: bytes, header: PngHeader) -> None:
    """Refuse a PNG with a chunk cut or changed, or rows missing, which decoders fill in black without a word.

    Bytes behind its end mark are allowed.

    Args:
        data: The whole file.
        header: What :func:`read_png` found in it.

    Raises:
        ImageError: It is damaged.
    """
    inflate, left, at, kind = zlib.decompressobj(), header.filtered_bytes, 8, b""
    view = memoryview(data)
    try:
        while kind != b"IEND":
            length, kind = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
            body = view[at + 8 : at + 8 + length]
            checksum = view[at + 8 + length : at + 12 + length]
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(checksum, "big") or len(checksum) != 4:
                raise damaged("PNG")
            if kind == b"IDAT":
                left -= _inflated(inflate, body, left)
            at += 12 + length
    except zlib.error as error:
        raise damaged("PNG") from error
    if left > 0:
        raise damaged("PNG")


def decode_deep(data: bytes) -> np.ndarray:
    """Decode 16-bit samples, which Pillow would cut to 8.

    Args:
        data: The whole file, found to be sound.

    Returns:
        ``(H, W)`` uint16: gray, or the BT.601 luminance of colours; transparency is dropped.

    Raises:
        ImageError: It cannot be decoded.
    """
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise damaged("PNG")
    if pixels.ndim == 2:
        return pixels
    gray = np.empty(pixels.shape[:2], np.uint16)
    for top in range(0, len(gray), 256):
        blue, green, red = np.moveaxis(pixels[top : top + 256, :, :3].astype(np.float32), 2, 0)
        gray[top : top + 256] = np.rint(0.299 * red + 0.587 * green + 0.114 * blue)
    return gray


def _inflated(inflate: "zlib._Decompress", body: memoryview, left: int) -> int:
    """Count what a chunk unpacks to, no further than ``left`` bytes, without keeping it."""
    count, pending = 0, bytes(body)
    while not inflate.eof and count < left:
        unpacked = len(inflate.decompress(pending, _WINDOW))
        count, pending = count + unpacked, inflate.unconsumed_tail
        if not pending and unpacked < _WINDOW:
            break
    return count
