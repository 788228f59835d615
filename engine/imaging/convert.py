"""Change depth, size and file format of a picture in memory."""

import cv2
import numpy as np

from engine.imaging.limits import ImageError

STRIP = 1 << 18


def to_uint8(image: np.ndarray, value_range: str = "data") -> np.ndarray:
    """Reduce a picture to 8 bits; an 8-bit picture comes back as it is.

    Args:
        image: ``uint8`` or ``uint16`` array of any shape.
        value_range: What becomes 0..255 of a 16-bit picture: ``"data"``, its darkest to its brightest value
            (12-bit data in a 16-bit file stays visible), or ``"full"``, 0..65535.

    Returns:
        ``uint8`` array of the same shape.

    Raises:
        ImageError: Another dtype, or an unknown range.

    >>> to_uint8(np.array([[0, 4095]], np.uint16)).tolist()
    [[0, 255]]
    >>> to_uint8(np.array([[0, 65535]], np.uint16), "full").tolist()
    [[0, 255]]
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:
        raise ImageError(f"A picture holds 8- or 16-bit unsigned values, not {image.dtype}.")
    if value_range not in ("data", "full"):
        raise ImageError(f"The value range is {value_range!r}: choose 'data' or 'full'.")
    low, high = (0, 65535) if value_range == "full" or not image.size else (int(image.min()), int(image.max()))
    reduced = np.empty(image.shape, np.uint8)
    # A strip at a time: as floats the whole picture would take four times its memory.
    values, levels = np.ascontiguousarray(image).reshape(-1), reduced.reshape(-1)
    for start in range(0, values.size, STRIP):
        strip = values[start : start + STRIP].astype(np.float32)
        levels[start : start + STRIP] = np.rint((strip - low) * (255 / max(high - low, 1)))
    return reduced


def resize(image: np.ndarray, shorter_side: int) -> np.ndarray:
    """Scale a picture so that its shorter side has the given length.

    Area averaging when shrinking (no aliasing), bilinear when growing.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)``, ``uint8`` or ``uint16``.
        shorter_side: Pixels, at least 1.

    Returns:
        Array of the same dtype and aspect ratio (to the nearest pixel).

    Raises:
        ImageError: ``shorter_side`` is below 1.

    >>> resize(np.zeros((600, 400), np.uint8), 200).shape
    (300, 200)
    """
    if shorter_side < 1:
        raise ImageError(f"The shorter side is {shorter_side} pixels: choose at least 1.")
    height, width = image.shape[:2]
    scale = shorter_side / min(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def encode_jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """Encode a picture as JPEG, for showing; 16-bit pictures are reduced with :func:`to_uint8` first.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)`` RGB.
        quality: 1 to 100.

    Returns:
        The file's bytes.

    Raises:
        ImageError: The array cannot be encoded.
    """
    return _encode(".jpg", to_uint8(image), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])


def encode_png(image: np.ndarray) -> bytes:
    """Encode a picture as PNG without loss: ``uint8`` or ``uint16``, ``(H, W)`` or ``(H, W, 3)`` RGB.

    Args:
        image: The picture.

    Returns:
        The file's bytes; :func:`engine.imaging.load_image` returns a gray picture from them exactly.

    Raises:
        ImageError: The array cannot be encoded.
    """
    if image.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"A picture holds 8- or 16-bit unsigned values, not {image.dtype}.")
    return _encode(".png", image, [])


def _encode(suffix: str, image: np.ndarray, options: list[int]) -> bytes:
    colour = image.ndim == 3 and image.shape[2] == 3
    if image.size == 0 or not (colour or image.ndim == 2):
        raise ImageError(f"A picture has shape (H, W) or (H, W, 3), not {image.shape}.")
    pixels = image[..., ::-1] if colour else image
    return cv2.imencode(suffix, np.ascontiguousarray(pixels), options)[1].tobytes()
