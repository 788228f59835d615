"""What a picture may be: one error, one set of limits, checked before a single pixel is decoded."""

from engine.errors import VaultError

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MIN_SIDE = 16
MAX_SIDE = 16_384
# An ordinary progressive JPEG has about ten scans; each costs a pass over every coefficient of the picture.
MAX_JPEG_SCANS = 100


class ImageError(VaultError):
    """The bytes or the array are not a picture CXR Vault can work with."""


def check_bytes(data: bytes) -> None:
    """Refuse an empty or an oversized file, and what is no file's content.

    Args:
        data: The whole file.

    Raises:
        ImageError: The file has no bytes, or more than ``MAX_BYTES``, or ``data`` is not bytes.
    """
    if not isinstance(data, (bytes, bytearray)):
        raise ImageError(f"A picture file is bytes, got {type(data).__name__}: read the file in binary mode.")
    if not data:
        raise ImageError("The file is empty (0 bytes): choose a PNG, JPEG or DICOM chest X-ray.")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"The file is {len(data) / 2**20:.1f} MB, more than the {MAX_BYTES // 2**20} MB allowed: "
            "export a smaller copy and try again."
        )


def check_dimensions(height: int, width: int) -> None:
    """Refuse declared dimensions that are too small to be an X-ray or too large to decode safely.

    Args:
        height: Declared rows.
        width: Declared columns.

    Raises:
        ImageError: A side lies outside ``MIN_SIDE``..``MAX_SIDE``, or the product exceeds ``MAX_PIXELS``.

    >>> check_dimensions(1024, 1024)
    >>> check_dimensions(13_000, 13_000)
    Traceback (most recent call last):
    engine.imaging.limits.ImageError: The picture declares 13000 x 13000 pixels, more than ...
    """
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"The picture is {width} x {height} pixels, too small for an X-ray: "
            f"each side needs at least {MIN_SIDE} pixels."
        )
    if height * width > MAX_PIXELS or max(height, width) > MAX_SIDE:
        raise ImageError(
            f"The picture declares {width} x {height} pixels, more than the {MAX_PIXELS // 10**6} megapixels "
            f"and {MAX_SIDE} pixels per side allowed: export a smaller copy and try again."
        )


def check_scans(jpeg: bytes) -> None:
    """Refuse a JPEG with more scans than any picture needs.

    Args:
        jpeg: The whole file.

    Raises:
        ImageError: It has more than ``MAX_JPEG_SCANS``.
    """
    if jpeg.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageError("The JPEG has too many scans to decode safely: save it again as an ordinary JPEG.")
