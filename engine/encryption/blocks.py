"""The inner layers of the frequency scheme on one plane: DCT, coefficient shuffle, inverse DCT.

Between pixels and sealed bytes a block takes this way: subtract the middle of the range, transform,
shuffle and flip signs, transform back, add the middle. What comes out keeps the energy of the block but not
its range: a pixel of n bits may need n + 3 (the block's norm, 8 * 2^(n-1), in one place). The low n bits are
a picture of the same depth; the others, a signed number in -8..7, go into a half-byte each.
"""

import numpy as np

from engine.encryption import dct, logistic, tiles
from engine.encryption.compilation import Backend, use_compiled
from engine.encryption.logistic import LogisticParameters

CHUNK = 4096  # blocks treated at once without compilation: bounds memory on large pictures


def mix(
    plane: np.ndarray,
    seeds: np.ndarray,
    parameters: LogisticParameters,
    low: np.ndarray,
    high: np.ndarray,
    backend: Backend = "auto",
) -> None:
    """Run paper A steps 2-5 on one plane.

    Args:
        plane: ``(H, W)`` uint8 or uint16, sides multiples of 8.
        seeds: ``(H * W / 64,)`` uint64, one keyed seed per block.
        parameters: of the logistic map.
        low: filled with the low bits, shape and dtype of ``plane``.
        high: ``(H, W / 2)`` uint8, filled with the half-bytes above them, the first pixel of a pair in the
            lower half.
        backend: how to run; the result is the same.
    """
    if use_compiled(backend):
        tiles.mix.compiled(plane, seeds, parameters.as_array(), low, high)
        return
    bits = plane.dtype.itemsize * 8
    for rows, part in _strips(plane):
        values = mix_values(plane[rows], logistic.sequence(seeds[part], parameters))
        low[rows] = (values & ((1 << bits) - 1)).astype(plane.dtype)
        overflow = (values >> bits & 15).astype(np.uint8)
        high[rows] = overflow[:, ::2] | overflow[:, 1::2] << 4


def unmix(
    low: np.ndarray,
    high: np.ndarray,
    seeds: np.ndarray,
    parameters: LogisticParameters,
    plane: np.ndarray,
    backend: Backend = "auto",
) -> None:
    """Undo :func:`mix` exactly: fill ``plane`` from ``low`` and ``high``."""
    if use_compiled(backend):
        tiles.unmix.compiled(low, high, seeds, parameters.as_array(), plane)
        return
    bits = plane.dtype.itemsize * 8
    for rows, part in _strips(plane):
        overflow = np.stack([high[rows] & 15, high[rows] >> 4], axis=-1).reshape(low[rows].shape)
        values = (((overflow.astype(np.int32) ^ 8) - 8) << bits) + low[rows]
        plane[rows] = unmix_values(values, logistic.sequence(seeds[part], parameters), bits).astype(plane.dtype)


def mix_values(plane: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Steps 2-5 without the split: ``(H, W)`` pixels to ``(H, W)`` int32."""
    middle = 1 << (plane.dtype.itemsize * 8 - 1)
    coefficients = dct.forward(dct.to_blocks(plane) - middle)
    shuffled = logistic.encrypt_coefficients(coefficients.reshape(64, -1), words)
    return dct.from_blocks(dct.inverse(shuffled.reshape(8, 8, -1)) + middle, *plane.shape)


def unmix_values(values: np.ndarray, words: np.ndarray, bits: int) -> np.ndarray:
    """Undo :func:`mix_values`: ``(H, W)`` int32 to ``(H, W)`` int32 in 0..2^bits - 1."""
    middle = 1 << (bits - 1)
    coefficients = dct.forward(dct.to_blocks(values) - middle)
    restored = logistic.decrypt_coefficients(coefficients.reshape(64, -1), words)
    return dct.from_blocks(dct.inverse(restored.reshape(8, 8, -1)) + middle, *values.shape)


def _strips(plane: np.ndarray) -> list[tuple[slice, slice]]:
    """Whole rows of blocks, about ``CHUNK`` blocks a time: their pixel rows, and their numbers."""
    across = plane.shape[1] // 8
    step = max(1, CHUNK // across)
    starts = range(0, plane.shape[0] // 8, step)
    return [(slice(8 * n, 8 * (n + step)), slice(n * across, (n + step) * across)) for n in starts]


def stages(planes: np.ndarray, seeds: np.ndarray, parameters: LogisticParameters) -> dict[str, np.ndarray]:
    """The inner layers one by one, for looking at.

    Args:
        planes: ``(C, H, W)`` uint8 or uint16, sides multiples of 8.
        seeds: ``(C, H * W / 64)`` uint64.
        parameters: of the logistic map.

    Returns:
        ``dct``, ``logistic`` and ``idct``, each ``(C, H, W)`` int32.
    """
    height, width = planes.shape[1:]
    middle = 1 << (planes.dtype.itemsize * 8 - 1)
    result: dict[str, list[np.ndarray]] = {"dct": [], "logistic": [], "idct": []}
    for plane, plane_seeds in zip(planes, seeds, strict=True):
        words = logistic.sequence(plane_seeds, parameters)
        coefficients = dct.forward(dct.to_blocks(plane) - middle)
        shuffled = logistic.encrypt_coefficients(coefficients.reshape(64, -1), words).reshape(8, 8, -1)
        layers = (coefficients, shuffled, dct.inverse(shuffled) + middle)
        for name, layer in zip(result, layers, strict=True):
            result[name].append(dct.from_blocks(layer, height, width))
    return {name: np.stack(layers) for name, layers in result.items()}


def as_picture(stage: np.ndarray) -> np.ndarray:
    """Show any stage as uint8.

    uint8 stays as it is. Everything else is stretched linearly, unsigned from its least to its largest
    value, signed (coefficients reach far beyond the rest) from the 1st to the 99th percentile.

    >>> as_picture(np.array([[100, 300, 200]], np.uint16)).tolist()
    [[0, 255, 128]]
    """
    if stage.dtype == np.uint8:
        return stage
    low, high = np.percentile(stage, (1, 99)) if stage.dtype.kind == "i" else (stage.min(), stage.max())
    scaled = (stage.astype(np.float32) - np.float32(low)) * (255 / max(float(high) - float(low), 1.0))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
