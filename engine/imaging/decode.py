"""From the bytes of an upload to a gray picture, by content and never by file name."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ImageOps
from PIL.PngImagePlugin import PngImageFile

from engine.imaging import jpeg, png
from engine.imaging.dicom import is_dicom, load_dicom
from engine.imaging.limits import LOCAL, Budget, ImageError, check_bytes, check_cost, check_dimensions

# What Pillow and the steps after it hold for each sample; 16-bit PNGs are read whole at their depth first.
_BYTES_PER_SAMPLE, _BYTES_PER_DEEP_SAMPLE = 2, 6


def load_image(data: bytes, budget: Budget = LOCAL, flat: Literal["refuse", "keep"] = "refuse") -> np.ndarray:
    """Decode a PNG, JPEG or DICOM file into one gray picture.

    The kind is told from the content. Colour becomes luminance (ITU-R BT.601, paper A Eq. 2) and an
    orientation mark is applied; every other tag, comment and profile is dropped. What decoding costs is checked
    against the budget before any pixel is decoded. A 16-bit PNG stays 16-bit.

    Args:
        data: The whole file.
        budget: What it may cost: :data:`engine.imaging.limits.LOCAL`, or ``PUBLIC`` on a page.
        flat: Whether a PNG or JPEG file of one gray level is refused, or kept: a published collection has such.

    Returns:
        ``(H, W)`` array, ``uint8`` or ``uint16`` (more than 8 bits stored); larger is brighter.

    Raises:
        ImageError: The file is empty, too large, truncated, damaged, of another kind, holds nothing but one gray
            level, or (DICOM) several frames, or annotations burned into the pixels. The message is one sentence.

    >>> from engine.imaging import encode_png
    >>> load_image(encode_png(np.eye(20, 30, dtype=np.uint8))).shape
    (20, 30)
    """
    check_bytes(data, budget)
    if data.startswith(png.SIGNATURE):
        return _varied("PNG", _guarded("PNG", _load_png, data, budget), flat)
    if data.startswith(jpeg.SIGNATURE):
        return _varied("JPEG", _guarded("JPEG", _load_jpeg, data, budget), flat)
    if is_dicom(data):
        return load_dicom(data, budget)
    raise ImageError("This is not a PNG, JPEG or DICOM file: choose a chest X-ray in one of these formats.")


def is_picture(start: bytes) -> bool:
    r"""Tell a PNG, JPEG or DICOM file by its first 256 bytes.

    >>> is_picture(b"\x89PNG\r\n\x1a\n"), is_picture(b"a letter")
    (True, False)
    """
    return start.startswith((png.SIGNATURE, jpeg.SIGNATURE)) or is_dicom(start)


def load_file(path: Path | str, budget: Budget = LOCAL, flat: Literal["refuse", "keep"] = "refuse") -> np.ndarray:
    """Decode a file as :func:`load_image` does; no more of it is read than a picture may have.

    Args:
        path: Of the file.
        budget: What it may cost.
        flat: As for :func:`load_image`.

    Raises:
        ImageError: As :func:`load_image`.
        OSError: The file cannot be read.
    """
    return load_image(read_file(path, budget), budget, flat)


def read_file(path: Path | str, budget: Budget = LOCAL) -> bytes:
    """Read a file that is to be a picture; one byte more than allowed of a file that is too large.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(budget.bytes + 1)


def _guarded(kind: str, load: Callable[[bytes, Budget], np.ndarray], data: bytes, budget: Budget) -> np.ndarray:
    try:
        return load(data, budget)
    except ImageError:
        raise
    except Exception as error:
        # Decoders raise nearly anything on damaged input; each of them means the same to the person.
        raise jpeg.damaged(kind) from error


def _varied(kind: str, image: np.ndarray, flat: Literal["refuse", "keep"]) -> np.ndarray:
    """Refuse a picture of which all pixels are the same; two levels are for the warning of unfamiliar pictures."""
    if flat == "refuse" and image.min() == image.max():
        raise ImageError(f"The {kind} file's picture is one flat colour: choose the X-ray itself.")
    return image


def _load_png(data: bytes, budget: Budget) -> np.ndarray:
    header = png.read_png(data)
    check_dimensions(header.rows, header.columns, budget)
    deep = header.depth == 16
    each = _BYTES_PER_DEEP_SAMPLE if deep else _BYTES_PER_SAMPLE
    check_cost(header.rows * header.columns * header.samples, each, budget, len(data))
    png.check_whole(data, header)
    # The plug-in class accepts no other format and, unlike Image.open, never warns.
    picture = PngImageFile(io.BytesIO(data))
    if not deep:
        return np.array(ImageOps.exif_transpose(picture).convert("L"))
    return _turned(png.decode_deep(data), picture.getexif().get(0x0112, 1))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an orientation mark (Exif 2.3, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.T
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _load_jpeg(data: bytes, budget: Budget) -> np.ndarray:
    stream = jpeg.read_jpeg(data)
    check_dimensions(stream.rows, stream.columns, budget)
    check_cost(stream.rows * stream.columns * stream.samples, _jpeg_bytes(stream), budget, 2 * len(data))
    return np.array(ImageOps.exif_transpose(jpeg.open_jpeg(data, stream)).convert("L"))


def _jpeg_bytes(stream: jpeg.JpegStream) -> int:
    """Bytes for each sample: a progressive JPEG's coefficients are all kept until its last scan."""
    return _BYTES_PER_SAMPLE + 2 * (len(stream.scans) > 1)
