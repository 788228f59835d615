"""From the bytes of an upload to a gray picture, by content and never by file name."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from engine.imaging.dicom import is_dicom, load_dicom
from engine.imaging.limits import MAX_BYTES, ImageError, check_bytes, check_dimensions, check_scans

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_TRAILER = b"\0\0\0\0IEND\xaeB`\x82"
JPEG_SIGNATURE = b"\xff\xd8\xff"


def load_image(data: bytes) -> np.ndarray:
    """Decode a PNG, JPEG or DICOM file into one gray picture.

    The kind is told from the content. Colour becomes luminance (ITU-R BT.601, paper A Eq. 2) and an
    orientation mark is applied; every other tag, comment and profile is dropped. Sizes are checked against
    :mod:`engine.imaging.limits` before any pixel is decoded. A 16-bit gray PNG stays 16-bit; a 16-bit colour
    PNG is decoded at 8 bits.

    Args:
        data: The whole file.

    Returns:
        ``(H, W)`` array, ``uint8`` or ``uint16`` (more than 8 bits stored); larger is brighter.

    Raises:
        ImageError: The file is empty, too large, truncated, damaged, of another kind, or (DICOM) holds
            several frames or annotations burned into the pixels. The message is one sentence.

    >>> from engine.imaging import encode_png
    >>> load_image(encode_png(np.full((20, 30), 7, np.uint8))).shape
    (20, 30)
    """
    check_bytes(data)
    if is_dicom(data):
        return load_dicom(data)
    if data.startswith(PNG_SIGNATURE):
        return _load_raster(data, "PNG")
    if data.startswith(JPEG_SIGNATURE):
        return _load_raster(data, "JPEG")
    raise ImageError("This is not a PNG, JPEG or DICOM file: choose a chest X-ray in one of these formats.")


def load_file(path: Path | str) -> np.ndarray:
    """Decode a file as :func:`load_image` does; no more of it is read than a picture may have.

    Args:
        path: Of the file.

    Raises:
        ImageError: As :func:`load_image`.
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        return load_image(file.read(MAX_BYTES + 1))


def _load_raster(data: bytes, kind: str) -> np.ndarray:
    try:
        # The plug-in classes read headers only, accept no other format and, unlike Image.open, never warn.
        picture = (PngImageFile if kind == "PNG" else JpegImageFile)(io.BytesIO(data))
        width, height = picture.size
        check_dimensions(height, width)
        _check_complete(data, kind)
        return _to_gray(ImageOps.exif_transpose(picture))
    except ImageError:
        raise
    except Exception as error:
        # Decoders raise nearly anything on damaged input; each of them means the same to the person.
        raise _damaged(kind) from error


def _check_complete(data: bytes, kind: str) -> None:
    """Refuse a file that lost its end: decoders tolerate a missing trailer."""
    if kind == "PNG":
        if PNG_TRAILER not in data:
            raise _damaged(kind)
        PngImageFile(io.BytesIO(data)).verify()
        return
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise _damaged(kind)
    check_scans(data)


def _damaged(kind: str) -> ImageError:
    return ImageError(f"The {kind} file is truncated or damaged: export it again and retry.")


def _to_gray(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I"):
        return np.asarray(picture).astype(np.uint16)
    return np.array(picture.convert("L"))
