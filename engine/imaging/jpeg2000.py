"""What a JPEG 2000 stream says of itself (ITU-T T.800, and T.814 for its high-throughput coder), read undecoded."""

import struct
from dataclasses import dataclass
from math import ceil

from engine.imaging.jpeg import damaged
from engine.imaging.limits import ImageError

SIGNATURE = b"\xff\x4f\xff\x51"
_BOX = b"\x00\x00\x00\x0cjP  "
_SIZ, _COD, _SOT, _EOC = 0xFF51, 0xFF52, 0xFF90, b"\xff\xd9"
MAX_TILES = 16_384
# What OpenJPEG holds for a tile, a code block and a precinct beside the pixels, rounded up.
_TILE_BYTES, _BLOCK_BYTES, _PRECINCT_BYTES = 8_000, 400, 700


@dataclass(frozen=True)
class Jpeg2000Stream:
    """The structure of one JPEG 2000 code stream.

    Attributes:
        rows: height in pixels.
        columns: width in pixels.
        samples: channels.
        precision: bits of a sample.
        signed: whether samples are signed.
        tables: bytes that a decoder needs beside the samples: tiles, code blocks, precincts.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool
    tables: int


def is_jpeg2000(data: bytes) -> bool:
    """Tell a code stream, bare or in a JP2 box, by its first bytes."""
    return data.startswith((SIGNATURE, _BOX))


def codestream(data: bytes) -> bytes:
    """Take the code stream out of what may be a JP2 file and may have a pad byte behind its end.

    Raises:
        ImageError: There is none.
    """
    start = data.find(SIGNATURE)
    if start < 0:
        raise damaged("JPEG 2000")
    padding = 1 if data.endswith(_EOC + b"\0") else 0
    return data[start : len(data) - padding]


def read_jpeg2000(stream: bytes) -> Jpeg2000Stream:
    """Read the main header, and check that all tiles are there.

    Args:
        stream: From :func:`codestream`.

    Returns:
        What it says of itself.

    Raises:
        ImageError: The header is damaged, data are missing, or the structure is one no camera makes.
    """
    try:
        size, coding, at = _main_header(stream)
        x1, y1, x0, y0, tile_width, tile_height, tile_x, tile_y, samples = struct.unpack(">8IH", size[2:36])
        channels = [size[36 + 3 * i : 39 + 3 * i] for i in range(samples)]
        tiles = ceil((x1 - tile_x) / tile_width) * ceil((y1 - tile_y) / tile_height)
    except (struct.error, ZeroDivisionError, ValueError, IndexError) as error:
        raise damaged("JPEG 2000") from error
    if samples not in (1, 3, 4) or len(set(channels)) != 1 or channels[0][1:] != b"\x01\x01" or tiles > MAX_TILES:
        raise ImageError("The JPEG 2000 picture is built as no X-ray is: export it again, uncompressed.")
    _check_tiles(stream, at, tiles)
    rows, columns, depth = y1 - y0, x1 - x0, channels[0][0]
    tables = tiles * _TILE_BYTES + _tables(coding, rows * columns * samples)
    return Jpeg2000Stream(rows, columns, samples, (depth & 127) + 1, bool(depth & 128), tables)


def _main_header(stream: bytes) -> tuple[bytes, bytes, int]:
    """Return the bodies of SIZ and COD, and where the first tile part starts."""
    found: dict[int, bytes] = {}
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", stream, at)
        if marker == _SOT:
            return found[_SIZ], found.get(_COD, b""), at
        if length < 2 or at + 2 + length > len(stream):
            raise damaged("JPEG 2000")
        found[marker] = stream[at + 4 : at + 2 + length]
        at += 2 + length


def _check_tiles(stream: bytes, at: int, tiles: int) -> None:
    """Refuse a stream that ends before its last tile part, or lacks a tile."""
    seen = set()
    while at + 12 <= len(stream) and stream[at : at + 2] == b"\xff\x90":
        tile, length = struct.unpack_from(">HI", stream, at + 4)
        seen.add(tile)
        # 0 stands for: up to the end.
        at = at + length if length else len(stream)
        if 0 < length < 14 or at > len(stream):
            raise damaged("JPEG 2000")
    if len(seen) < tiles:
        raise damaged("JPEG 2000")


def _tables(coding: bytes, samples: int) -> int:
    """Bytes for code blocks and precincts of a default coding style (T.800 A.6.1)."""
    if len(coding) < 10:
        raise damaged("JPEG 2000")
    block = 1 << ((coding[6] & 15) + (coding[7] & 15) + 4)
    need = samples // block * _BLOCK_BYTES
    if coding[0] & 1:
        # A precinct of resolution r covers 4^(levels - r) times its own samples.
        need += sum(
            samples * _PRECINCT_BYTES >> (2 * (len(coding) - 11 - r) + (both & 15) + (both >> 4))
            for r, both in enumerate(coding[10:])
        )
    return need
