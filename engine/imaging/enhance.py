"""Contrast-limited adaptive histogram equalization of the luminance (paper A section 3.2, Eq. 1-2)."""

from functools import lru_cache

import cv2
import numpy as np

from engine.imaging.limits import ImageError

BINS = 256
MAX_TILES = 256


def enhance(image: np.ndarray, clip_limit: float = 2.0, tiles: int = 8) -> np.ndarray:
    """Enhance local contrast as paper A does: RGB to YUV, CLAHE on Y, and back.

    A gray picture *is* its luminance, so CLAHE acts on it directly; the result equals the colour path on
    three equal channels. 16-bit pictures are equalized over 256 bins between their darkest and brightest
    pixel, with linear interpolation inside a bin: over 65,536 bins the clip limit would leave ordinary 12-bit
    data as it is.

    Args:
        image: ``(H, W)`` ``uint8`` or ``uint16``, or ``(H, W, 3)`` ``uint8`` in RGB order.
        clip_limit: Highest bin of a tile's histogram, in multiples of the mean bin; in (0, 256].
        tiles: Tiles along each side, 1 to 256; where they do not divide both sides, the picture is mirrored beyond
            its right and lower edge, however small it is.

    Returns:
        Array of the same shape and dtype.

    Raises:
        ImageError: Shape, dtype or a parameter is outside what is named above.

    >>> ramp = np.tile(np.arange(100, 164, dtype=np.uint8), (64, 1))
    >>> bool(enhance(ramp).std() > ramp.std())
    True
    """
    image = np.asarray(image)
    _check(image, clip_limit, tiles)
    if image.ndim == 3:
        yuv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2YUV)
        yuv[..., 0] = enhance(yuv[..., 0], clip_limit, tiles)
        return cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB)
    if image.dtype == np.uint16:
        return _clahe_16_bit(image, clip_limit, tiles)
    return cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(np.ascontiguousarray(image))


def local_contrast(image: np.ndarray, squares: int = 32) -> float:
    """Return how much gray levels vary nearby: their standard deviation within a square, mean over all squares.

    The deviation over a whole picture says little about enhancement, which evens out what differs far apart.

    Args:
        image: ``(H, W)`` of any real dtype.
        squares: Along the shorter side; what is left over at the right and the bottom does not count.

    Returns:
        In the picture's own gray levels.

    >>> checks = np.indices((8, 8)).sum(axis=0) % 2 * 100
    >>> local_contrast(checks, squares=2), local_contrast(np.full((8, 8), 7), squares=2)
    (50.0, 0.0)
    """
    side = max(1, min(image.shape) // squares)
    rows, columns = (length // side for length in image.shape)
    deviations = []
    # A row of squares at a time: the whole picture as floats would take many times its memory.
    for row in range(rows):
        pixels = image[row * side : (row + 1) * side, : columns * side].astype(np.float32)
        mean, square = (
            cv2.resize(values, (columns, 1), interpolation=cv2.INTER_AREA) for values in (pixels, pixels * pixels)
        )
        deviations.append(np.sqrt(np.maximum(square - mean * mean, 0)))
    return float(np.mean(deviations))


def _check(image: np.ndarray, clip_limit: float, tiles: int) -> None:
    gray = image.ndim == 2 and image.dtype in (np.uint8, np.uint16)
    colour = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    if not (gray or colour) or 0 in image.shape:
        raise ImageError(
            f"Enhancement takes a gray 8- or 16-bit or an RGB 8-bit picture, not {image.dtype} of shape {image.shape}."
        )
    if not 0 < clip_limit <= BINS:
        raise ImageError(f"The clip limit is {clip_limit}: choose a number above 0 and at most {BINS}.")
    if not isinstance(tiles, (int, np.integer)) or not 1 <= tiles <= MAX_TILES:
        raise ImageError(f"The tile count is {tiles!r}: choose a whole number from 1 to {MAX_TILES}.")


def _clahe_16_bit(image: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """Equalize 16-bit values with a table per tile, blended bilinearly between tile centres."""
    low, high = int(image.min()), int(image.max())
    if low == high:
        return image.copy()
    height, width = image.shape
    # OpenCV's rule, so that 8 and 16 bits share their tiles: where one side needs padding, both get it.
    extra = (0, 0) if height % tiles == width % tiles == 0 else (tiles - height % tiles, tiles - width % tiles)
    padded = cv2.copyMakeBorder(image, 0, extra[0], 0, extra[1], cv2.BORDER_REFLECT_101)
    tile = (padded.shape[0] // tiles, padded.shape[1] // tiles)
    blocks = padded.reshape(tiles, tile[0], tiles, tile[1]).swapaxes(1, 2)

    # Pixels are met row by row, so two rows of tables are enough: each table may hold 65,536 values.
    @lru_cache(maxsize=2)
    def tables(row: int) -> np.ndarray:
        return np.array([_tile_table(block, low, high, clip_limit) for block in blocks[row]])

    above, below, share_y = _neighbours(height, tile[0], tiles)
    left, right, share_x = _neighbours(width, tile[1], tiles)
    result = np.empty_like(image)
    for row in range(height):
        values = image[row].astype(np.intp) - low
        upper, lower = tables(above[row]), tables(below[row])
        top = upper[left, values] * (1 - share_x) + upper[right, values] * share_x
        bottom = lower[left, values] * (1 - share_x) + lower[right, values] * share_x
        result[row] = np.rint(top * (1 - share_y[row]) + bottom * share_y[row])
    return result


def _tile_table(block: np.ndarray, low: int, high: int, clip_limit: float) -> np.ndarray:
    """Return the clipped cumulative histogram of one tile, sampled at every value from low to high.

    Bin b is centred on low + b / 255 of the range, as value b of an 8-bit picture is.
    """
    half = (high - low) / (BINS - 1) / 2
    counts = np.histogram(block, bins=BINS, range=(low - half, high + half))[0].astype(np.float64)
    limit = max(clip_limit * block.size / BINS, 1.0)
    excess = np.maximum(counts - limit, 0).sum()
    cumulative = np.cumsum(np.minimum(counts, limit) + excess / BINS) * (65535 / block.size)
    return np.interp(np.arange(low, high + 1), np.linspace(low, high, BINS), cumulative).astype(np.float32)


def _neighbours(length: int, tile: int, tiles: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, per pixel along one axis, the two nearest tiles and the share of the second."""
    position = (np.arange(length) + 0.5) / tile - 0.5
    first = np.floor(position).astype(np.intp)
    share = (position - first).astype(np.float32)
    return np.clip(first, 0, tiles - 1), np.clip(first + 1, 0, tiles - 1), share
