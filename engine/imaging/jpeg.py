"""What a JPEG or JPEG-LS stream says of itself, read from its markers without decoding it (ITU-T T.81, T.87)."""

import io
import re
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from engine.imaging.limits import MAX_JPEG_SCANS, MAX_SCANNED_PIXELS, ImageError

if TYPE_CHECKING:
    from PIL import Image

SIGNATURE = b"\xff\xd8\xff"
# A marker among entropy-coded bytes: neither a stuffed zero, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# JPEG-LS stuffs a zero bit where JPEG stuffs a zero byte.
_MARKER_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
JPEG_LS = 0xF7
_PROGRESSIVE = (0xC2, 0xCA)
_LOSSLESS = (0xC3, 0xCB)
# Among entropy-coded bytes of every kind these change nothing where all data were there already.
_SURPLUS = bytes(range(1, 255)) * 2


@dataclass(frozen=True)
class Scan:
    """One scan of a JPEG.

    Attributes:
        channels: identifiers of its channels.
        first: first coefficient.
        last: last coefficient.
        low: last bit; 0 where the coefficients are whole after it.
        restart: MCUs between two restart markers, 0 for none.
        start: where its entropy-coded bytes start.
        end: where they end.
    """

    channels: bytes
    first: int
    last: int
    low: int
    restart: int
    start: int
    end: int


@dataclass(frozen=True)
class JpegStream:
    """The structure of one JPEG.

    Attributes:
        process: second byte of its frame marker, 0xC0 for baseline, 0xC3 for lossless, 0xF7 for JPEG-LS.
        rows: height in pixels.
        columns: width in pixels.
        precision: bits of a sample.
        sampling: horizontal and vertical factor of each channel by its identifier.
        scans: in their order.
        end: where the stream ends, after its end mark; what follows is not part of the picture.
    """

    process: int
    rows: int
    columns: int
    precision: int
    sampling: dict[int, tuple[int, int]]
    scans: tuple[Scan, ...] = ()
    end: int = 0

    @property
    def samples(self) -> int:
        """How many channels it has."""
        return len(self.sampling)

    @property
    def huffman(self) -> bool:
        """Whether it is Huffman-coded; arithmetic coders drop zeros at the end of a scan."""
        return self.process < 0xC9

    @property
    def ordinary(self) -> bool:
        """Whether Pillow's decoder reads it: lossy, 8 bits."""
        return self.precision == 8 and self.process not in (*_LOSSLESS, JPEG_LS)


def read_jpeg(data: bytes) -> JpegStream:
    """Walk the markers of a JPEG up to its end mark.

    Args:
        data: The stream; bytes after its end are allowed.

    Returns:
        What it says of itself.

    Raises:
        ImageError: A marker is missing or wrong, a scan or the end mark is missing, or there are more scans than
            any picture needs.
    """
    stream, at, restart = None, 2, 0
    scans: list[Scan] = []
    while True:
        marker, at = _next_marker(data, at)
        if marker == 0xD9:
            break
        body, after = _segment(data, at)
        if marker in _FRAMES and stream is None:
            stream = _frame(marker, body)
        elif marker == 0xDD:
            restart = int.from_bytes(body[:2], "big")
        elif marker == 0xDA:
            found = (_MARKER_LS if stream and stream.process == JPEG_LS else _MARKER).search(data, after)
            scans.append(_scan(body, restart, after, found.start() if found else len(data)))
            _check_scans(len(scans), stream)
            after = scans[-1].end
        at = after
    if stream is None or not scans:
        raise damaged("JPEG")
    return replace(stream, end=at, scans=tuple(scans))


def check_whole(data: bytes, stream: JpegStream) -> None:
    """Refuse a JPEG that lost whole scans, or restart intervals inside one.

    Args:
        data: The stream.
        stream: What :func:`read_jpeg` found in it.

    Raises:
        ImageError: A channel, the finest bits of a coefficient, or a restart marker is missing.
    """
    finest = {
        (channel, coefficient)
        for scan in stream.scans
        for channel in scan.channels
        for coefficient in range(scan.first, scan.last + 1)
        if scan.low == 0
    }
    if stream.process in _PROGRESSIVE and len(finest) != 64 * stream.samples:
        raise damaged("JPEG")
    if {channel for scan in stream.scans for channel in scan.channels} != set(stream.sampling):
        raise damaged("JPEG")
    for scan in stream.scans if stream.process not in (*_LOSSLESS, JPEG_LS) else ():
        if (
            scan.restart
            and len(_RESTART.findall(data, scan.start, scan.end)) != (_mcus(stream, scan) - 1) // scan.restart
        ):
            raise damaged("JPEG")


def with_surplus(data: bytes, stream: JpegStream) -> bytes:
    """Return the stream with bytes added at the end of every scan.

    A decoder that has all it needs ignores them, and makes another picture of them where data were missing: the one
    sure sign of a stream cut short before its end mark, since decoders fill the rest in gray without a word.

    Args:
        data: The stream.
        stream: What :func:`read_jpeg` found in it.
    """
    parts, last = [], 0
    for scan in stream.scans:
        parts += [data[last : scan.end], _SURPLUS]
        last = scan.end
    return b"".join([*parts, data[last : stream.end]])


def open_jpeg(data: bytes, stream: JpegStream) -> "Image.Image":
    """Give a lossy 8-bit JPEG to Pillow once nothing of it is missing.

    Args:
        data: The stream.
        stream: What :func:`read_jpeg` found in it.

    Returns:
        The picture, not yet decoded.

    Raises:
        ImageError: Data are missing.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    check_whole(data, stream)
    whole = data[: stream.end]
    if stream.huffman:
        # The scans of a progressive JPEG may lack fine detail alone.
        scale = 1 if stream.process in _PROGRESSIVE else 8
        if not np.array_equal(_gray(whole, scale), _gray(with_surplus(data, stream), scale)):
            raise damaged("JPEG")
    return JpegImageFile(io.BytesIO(whole))


def _gray(data: bytes, scale: int) -> np.ndarray:
    """The picture reduced; at an eighth of its size it takes the first coefficients alone."""
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(io.BytesIO(data))
    picture.draft("L", (picture.width // scale, picture.height // scale))
    return np.asarray(picture)


def damaged(kind: str) -> ImageError:
    """The refusal of a file whose data are missing or wrong."""
    return ImageError(f"The {kind} file is truncated or damaged: export it again and retry.")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if len(data) < at + 2 or data[at] != 0xFF:
        raise damaged("JPEG")
    return data[at + 1], at + 2


def _segment(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2 or at + length > len(data):
        raise damaged("JPEG")
    return data[at + 2 : at + length], at + length


def _frame(process: int, body: bytes) -> JpegStream:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("JPEG")
    rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    channels = [body[6 + 3 * i : 9 + 3 * i] for i in range(body[5])]
    sampling = {identifier: (max(1, both >> 4), max(1, both & 15)) for identifier, both, _ in channels}
    return JpegStream(process, rows, columns, body[0], sampling)


def _scan(body: bytes, restart: int, start: int, end: int) -> Scan:
    count = body[0] if body else 0
    if count == 0 or len(body) < 4 + 2 * count:
        raise damaged("JPEG")
    first, last, bits = body[1 + 2 * count : 4 + 2 * count]
    return Scan(body[1 : 1 + 2 * count : 2], first, min(last, 63), bits & 15, restart, start, end)


def _mcus(stream: JpegStream, scan: Scan) -> int:
    """How many minimum coded units a scan has (T.81 A.2): of all its channels, or blocks of its only one."""
    across, down = (max(factors[axis] for factors in stream.sampling.values()) for axis in (0, 1))
    if len(scan.channels) > 1:
        return ceil(stream.columns / (8 * across)) * ceil(stream.rows / (8 * down))
    h, v = stream.sampling.get(scan.channels[0], (1, 1))
    return ceil(ceil(stream.columns * h / across) / 8) * ceil(ceil(stream.rows * v / down) / 8)


def _check_scans(scans: int, stream: JpegStream | None) -> None:
    if stream is None:
        raise damaged("JPEG")
    if scans > MAX_JPEG_SCANS or scans * stream.rows * stream.columns > max(
        MAX_SCANNED_PIXELS, 3 * stream.rows * stream.columns
    ):
        raise ImageError("The JPEG has too many scans to decode safely: save it again as an ordinary JPEG.")
