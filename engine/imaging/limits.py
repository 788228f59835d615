"""What a picture may be and what its file may cost: one error, one budget, checked before a pixel is decoded."""

from dataclasses import dataclass

from engine.errors import VaultError

MIB = 1024 * 1024
MIN_SIDE = 16
MAX_SIDE = 16_384
# An ordinary progressive JPEG has about ten scans; each costs a pass over every coefficient of the picture.
MAX_JPEG_SCANS = 100
MAX_SCANNED_PIXELS = 640_000_000


class ImageError(VaultError):
    """The bytes or the array are not a picture CXR Vault can work with."""


@dataclass(frozen=True)
class Budget:
    """What one file may cost.

    Attributes:
        bytes: of the file.
        pixels: rows x columns.
        memory: bytes that decoding may hold at once, by the decoder's own need for each sample
            (:func:`check_cost`).
        advice: what a person can do about a file that is too large.
    """

    bytes: int
    pixels: int
    memory: int
    advice: str = "export a smaller copy and try again"


LOCAL = Budget(100 * MIB, 60_000_000, 800 * MIB)
"""On the command line and through the API."""

PUBLIC = Budget(
    10 * MIB, 4096 * 4096, 400 * MIB, "export a smaller copy, or use the command line, which takes 60 megapixels"
)
"""On a page, whose machine has a gigabyte for all visitors: sealing works on a dozen copies of a picture."""

MAX_BYTES = LOCAL.bytes
MAX_PIXELS = LOCAL.pixels


def check_bytes(data: bytes, budget: Budget = LOCAL) -> None:
    """Refuse an empty or an oversized file, and what is no file's content.

    Args:
        data: The whole file.
        budget: What it may cost.

    Raises:
        ImageError: The file has no bytes, or more than the budget, or ``data`` is not bytes.
    """
    if not isinstance(data, (bytes, bytearray)):
        raise ImageError(f"A picture file is bytes, got {type(data).__name__}: read the file in binary mode.")
    if not data:
        raise ImageError("The file is empty (0 bytes): choose a PNG, JPEG or DICOM chest X-ray.")
    if len(data) > budget.bytes:
        raise ImageError(
            f"The file is {len(data) / MIB:.1f} MB, more than the {budget.bytes // MIB} MB allowed: {budget.advice}."
        )


def check_dimensions(height: int, width: int, budget: Budget = LOCAL) -> None:
    """Refuse declared dimensions that are too small to be an X-ray or too large to decode safely.

    Args:
        height: Declared rows.
        width: Declared columns.
        budget: What the file may cost.

    Raises:
        ImageError: A side lies outside ``MIN_SIDE``..``MAX_SIDE``, or the product exceeds the budget.

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
    if height * width > budget.pixels or max(height, width) > MAX_SIDE:
        raise ImageError(
            f"The picture declares {width} x {height} pixels, more than the {budget.pixels / 1e6:.0f} megapixels "
            f"and {MAX_SIDE} pixels per side allowed: {budget.advice}."
        )


def check_cost(samples: int, bytes_each: float, budget: Budget = LOCAL, extra: int = 0) -> None:
    """Refuse a picture whose decoder would need more memory than the budget has.

    Args:
        samples: Rows x columns x channels.
        bytes_each: What the decoder holds for each of them at its peak.
        budget: What the file may cost.
        extra: Bytes beside that: tables, tiles, entries.

    Raises:
        ImageError: The product exceeds the budget.

    >>> check_cost(36_000_000 * 3, 9)
    Traceback (most recent call last):
    engine.imaging.limits.ImageError: Decoding the picture would take 927 MB of memory, more than the 800 MB ...
    """
    need = samples * bytes_each + extra
    if need > budget.memory:
        raise ImageError(
            f"Decoding the picture would take {need / MIB:.0f} MB of memory, more than the {budget.memory // MIB} MB "
            f"allowed: export it in gray, or {budget.advice}."
        )
