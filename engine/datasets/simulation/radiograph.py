"""From a volume to a film: cone-beam line integrals, Beer-Lambert, scatter, noise, and the display curve."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Where the X-ray source and the detector stand; the detector touches the front of the volume's box.

    Attributes:
        shape: Rows and columns of the detector.
        pixel: Its pixel size in mm.
        centre: Detector centre (right-left, head-feet) relative to the volume's centre, in mm.
        source: Source (right-left, head-feet) relative to the volume's centre, in mm: obliqueness of the view.
        distance: Source to detector, in mm.
    """

    shape: tuple[int, int]
    pixel: float
    centre: tuple[float, float] = (0.0, 0.0)
    source: tuple[float, float] = (0.0, 0.0)
    distance: float = 1800.0


def project(volume: np.ndarray, spacing: tuple[float, float, float], geometry: Geometry) -> np.ndarray:
    """Integrate a volume along the rays of a point source.

    Seen from the source, each plane parallel to the detector lands on it scaled and shifted, so the integral is a
    sum of resampled planes times the length of the ray between two of them: exact up to interpolation.

    Args:
        volume: ``(D, H, W)`` float32 per mm; axes as in :class:`~engine.datasets.simulation.scan.Scan`.
        spacing: Voxel size in mm along these axes.
        geometry: Source and detector.

    Returns:
        ``geometry.shape`` float32, without unit.

    >>> slab = np.full((10, 40, 40), 0.02, np.float32)
    >>> round(float(project(slab, (2.0, 1.0, 1.0), Geometry((5, 5), 1.0))[2, 2]), 3)
    0.4
    """
    total = np.zeros(geometry.shape, np.float32)
    rows, columns = geometry.shape
    for index, plane in enumerate(volume):
        if not plane.any():
            continue
        to_detector = (len(volume) - index - 0.5) * spacing[0]
        scale = geometry.distance / (geometry.distance - to_detector)
        matrix = np.zeros((2, 3), np.float32)
        for axis, (step, count, pixels) in enumerate(
            ((spacing[2], volume.shape[2], columns), (spacing[1], volume.shape[1], rows))
        ):
            source, centre = geometry.source[axis], geometry.centre[axis]
            first = (-(count - 1) / 2 * step - source) * scale + source
            matrix[axis, axis] = step * scale / geometry.pixel
            matrix[axis, 2] = (first - centre) / geometry.pixel + (pixels - 1) / 2
        total += cv2.warpAffine(plane, matrix, (columns, rows), flags=cv2.INTER_LINEAR)
    return total * _ray_length(geometry) * np.float32(spacing[0])


def _ray_length(geometry: Geometry) -> np.ndarray:
    """Return how much longer than a perpendicular one each pixel's ray is."""
    rows, columns = geometry.shape
    x = (np.arange(columns) - (columns - 1) / 2) * geometry.pixel + geometry.centre[0] - geometry.source[0]
    y = (np.arange(rows) - (rows - 1) / 2) * geometry.pixel + geometry.centre[1] - geometry.source[1]
    return np.sqrt(1 + (x[None, :] ** 2 + y[:, None] ** 2) / geometry.distance**2).astype(np.float32)


@dataclass(frozen=True)
class Exposure:
    """How the picture was taken and processed.

    Attributes:
        photons: Quanta per pixel in front of the body; fewer are noisier.
        scatter: Scattered radiation as a share of the primary's local mean.
        blur: Blur of detector and motion, standard deviation in pixels.
        equalization: Share of the coarse contrast that the processing keeps.
        sharpening: Strength of edge enhancement.
        gamma: Exponent of the display curve; above 1 is darker.
        white: Percentile of the body shown as white.
    """

    photons: float = 3e5
    scatter: float = 0.1
    blur: float = 0.6
    equalization: float = 0.6
    sharpening: float = 0.5
    gamma: float = 1.0
    white: float = 99.5


def expose(integrals: np.ndarray, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """Turn line integrals into a film on which bone is bright.

    Args:
        integrals: ``(H, W)`` line integrals of the attenuation.
        exposure: How it is taken and processed.
        rng: Source of quantum noise.

    Returns:
        ``(H, W)`` uint8.
    """
    primary = np.exp(-integrals)
    intensity = primary + exposure.scatter * cv2.GaussianBlur(primary, (0, 0), 50)
    intensity = cv2.GaussianBlur(intensity, (0, 0), exposure.blur)
    intensity += np.sqrt(intensity / exposure.photons) * rng.standard_normal(intensity.shape)
    density = -np.log(np.maximum(intensity, 1e-5)).astype(np.float32)
    coarse = cv2.GaussianBlur(density, (0, 0), 30)
    edges = density - cv2.GaussianBlur(density, (0, 0), 3)
    processed = exposure.equalization * coarse + (density - coarse) + exposure.sharpening * edges
    inside = integrals > 1
    black, white = np.percentile(processed[inside] if inside.any() else processed, [1, exposure.white])
    shade = np.clip((processed - black) / max(white - black, 1e-6), 0, 1) ** exposure.gamma
    return np.rint(shade * 255).astype(np.uint8)
