"""Small files that ask for much: each at most a few hundred kilobytes, made in memory."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1

from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import rle, with_frames

SIDE = 4096


def png(width, height, depth, colour):
    """A PNG of zeros."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row, pack = bytes(1 + width * {0: 1, 2: 3, 6: 4}[colour] * depth // 8), zlib.compressobj(9)
    body = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg2000(side, samples=1, declared=None, **options):
    """A DICOM file, one JPEG 2000 code stream of next to nothing but zeros for it, and what it declares."""
    pixels = np.zeros((side, side, samples)[: 2 + (samples > 1)], np.uint8)
    pixels[0, 0] = 200
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG2000", no_jp2=True, irreversible=False, **options)
    tags = {"SamplesPerPixel": samples, "PhotometricInterpretation": "RGB" if samples == 3 else "MONOCHROME2"}
    small = dicom_bytes(np.zeros((16, 16, samples)[: 2 + (samples > 1)], np.uint8), **tags)
    frame = buffer.getvalue()
    if declared:
        frame = frame.replace(struct.pack(">II", side, side), struct.pack(">II", declared, declared))
    return small, frame, {"Rows": declared or side, "Columns": declared or side}


def scans(count):
    """A progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * count + data[-2:]


def overlapping(count):
    """A ZIP that lists one packed file many times."""
    name, pack = b"a.png", zlib.compressobj(9, zlib.DEFLATED, -15)
    body = pack.compress(bytes(10_000_000)) + pack.flush()
    sizes = struct.pack("<III", zlib.crc32(bytes(10_000_000)), len(body), 10_000_000)
    local = struct.pack("<4sHHHHH", b"PK\x03\x04", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", len(name), 0) + name
    entry = struct.pack("<4sHHHHHH", b"PK\x01\x02", 20, 20, 0, 8, 0, 33) + sizes
    entry += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, len(local) + len(body), 0)
    return local + body + entry * count + end


def all_of_them():
    """Every bomb by its name."""
    found = {
        "RGBA PNG of 16 bits": png(SIDE, SIDE, 16, 6),
        "PNG of 60 megapixels": png(8000, 7500, 16, 0),
        "JPEG of many scans": scans(25),
        "overlapping ZIP": overlapping(200),
    }
    for name, arguments in {
        "JPEG 2000 of 36 megapixels in colour": (64, 3, {"declared": 6000}),
        "JPEG 2000 in colour": (1024, 3, {}),
        "JPEG 2000 of small tiles": (1024, 1, {"tile_size": (32, 32), "codeblock_size": (4, 4)}),
        "JPEG 2000 of small blocks": (1024, 1, {"precinct_size": (32, 32), "codeblock_size": (4, 4)}),
    }.items():
        small, frame, tags = jpeg2000(arguments[0], arguments[1], **arguments[2])
        found[name] = with_frames(small, JPEG2000Lossless, frame, **tags)
    small, frame, tags = jpeg2000(3000)
    found["JPEG 2000 of 30 frames"] = with_frames(small, JPEG2000Lossless, *[frame] * 30, **tags)
    zeros = np.zeros((SIDE, SIDE), np.uint16)
    zeros[0, 0] = 1
    found["run lengths"] = rle(dicom_bytes(zeros))
    header = with_frames(dicom_bytes(zeros[:32, :32]), JPEGLosslessSV1, b"\xff\xd8", Rows=SIDE, Columns=SIDE)[:-18]
    found["fragments"] = header + b"\xfe\xff\x00\xe0\x02\0\0\0\xff\xd8" * 300_000 + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return found
