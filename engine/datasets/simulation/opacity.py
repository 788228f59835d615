"""Opacities inserted into the lungs in three dimensions, as added attenuation.

Caricatures after the textbook patterns, not models of a disease: *focal consolidation* fills part of one lobe
densely; *ground-glass* puts faint patches under the pleura of both lungs, more below than above.
"""

from functools import lru_cache

import numpy as np

from engine.datasets.simulation.scan import LOBES, WATER, Scan

# What is missing from air-filled lung to water, per mm.
FILLING = 0.8 * WATER


def no_opacity(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """Return zeros: healthy lungs."""
    return np.zeros(scan.lobes.shape, np.float32)


def consolidation(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """Fill part of one lobe.

    Args:
        scan: The chest.
        rng: Chooses lobe, place, size and density.

    Returns:
        Added attenuation per mm, ``scan.lobes.shape`` float32, zero outside that lobe.
    """
    lobe = scan.lobes == rng.choice(list(LOBES.values()))
    middle = _places(lobe * _seen_through_air(scan), 1, rng)[0]
    size = rng.uniform(20, 34)
    field = np.zeros(lobe.shape, np.float32)
    for _ in range(rng.integers(5, 10)):
        centre = middle + rng.normal(0, 0.8 * size, 3) / scan.lobe_spacing
        _add_blob(field, scan, centre, rng.uniform(0.6, 1.1, 3) * size, 1.0)
    field *= _texture(field.shape, 0.15, rng)
    filled = 1 / (1 + np.exp(-6 * (field - 0.6)))
    return (np.where(lobe, filled, 0) * (FILLING * rng.uniform(0.55, 0.95))).astype(np.float32)


def ground_glass(scan: Scan, rng: np.random.Generator) -> np.ndarray:
    """Put faint patches under the pleura of both lungs.

    Args:
        scan: The chest.
        rng: Chooses number, places, sizes and densities.

    Returns:
        Added attenuation per mm, ``scan.lobes.shape`` float32, zero outside the lungs.
    """
    lungs = scan.lobes > 0
    likely = _subpleural(scan)
    half = scan.lobes.shape[2] // 2
    field = np.zeros(lungs.shape, np.float32)
    for side in (slice(None, half), slice(half, None)):
        weight = np.zeros_like(likely)
        weight[..., side] = likely[..., side]
        for centre in _places(weight, int(rng.integers(4, 9)), rng):
            radii = rng.uniform((12, 14, 9), (26, 34, 18))
            _add_blob(field, scan, centre, radii, rng.uniform(0.3, 0.7))
    field = np.minimum(field, 0.75) * _texture(field.shape, 0.35, rng)
    return (np.where(lungs, field, 0) * FILLING).astype(np.float32)


OPACITIES = {"normal": no_opacity, "pneumonia": consolidation, "covid-19": ground_glass}


def _seen_through_air(scan: Scan) -> np.ndarray:
    """Weight ``(1, h, w)`` of a place by the lung its rays pass: a film shows little behind heart or liver."""
    path = (scan.lobes > 0).sum(axis=0, keepdims=True, dtype=np.float32)
    return (path / path.max()) ** 2


@lru_cache(maxsize=1)
def _subpleural(scan: Scan) -> np.ndarray:
    """Weight lung voxels by nearness to the outer pleura and to the bases."""
    from scipy.ndimage import distance_transform_edt

    lungs = scan.lobes > 0
    depth = distance_transform_edt(lungs, scan.lobe_spacing)
    rows, columns = np.flatnonzero(lungs.any(axis=(0, 2))), np.flatnonzero(lungs.any(axis=(0, 1)))
    down = np.clip((np.arange(lungs.shape[1]) - rows[0]) / np.ptp(rows), 0, 1)
    outward = np.abs(np.arange(lungs.shape[2]) - columns.mean()) / (np.ptp(columns) / 2)
    weight = (
        _seen_through_air(scan)
        * np.exp(-depth / 10)
        * (0.25 + down[None, :, None])
        * np.clip(outward, 0, 1)[None, None, :] ** 2
    )
    return np.where(lungs, weight, 0).astype(np.float32)


def _places(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw voxels in proportion to their weight: ``(count, 3)`` float."""
    cumulative = np.cumsum(weight, dtype=np.float64)
    flat = np.searchsorted(cumulative, rng.uniform(0, cumulative[-1], count), side="right")
    return np.stack(np.unravel_index(flat, weight.shape), axis=1).astype(float)


def _add_blob(field: np.ndarray, scan: Scan, centre: np.ndarray, radii: np.ndarray, height: float) -> None:
    """Add a Gaussian with the given radii in mm, within three radii of its centre."""
    reach = 3 * radii / scan.lobe_spacing
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, field.shape).astype(int)
    if (high <= low).any():
        return
    axes = [
        np.exp(-0.5 * (((np.arange(a, b) - c) * step / radius) ** 2))
        for a, b, c, step, radius in zip(low, high, centre, scan.lobe_spacing, radii, strict=True)
    ]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    field[box] += height * axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]


def _texture(shape: tuple[int, ...], strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return smooth noise around 1."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 2.0)
    return np.clip(1 + strength * noise / noise.std(), 0, None)
