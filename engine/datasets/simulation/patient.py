"""One simulated radiograph: a made-up patient, a view of it, and everything written down that made it."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np

from engine.datasets.simulation.opacity import OPACITIES
from engine.datasets.simulation.radiograph import Exposure, Geometry, expose, project
from engine.datasets.simulation.scan import WATER, Scan

LONGER_SIDE = 512
CAPTION = "SIMULATED"
SIDE_MARGIN, LOWER_MARGIN = 16, 112


@dataclass(frozen=True)
class Body:
    """What distinguishes a patient from the scanned one.

    Attributes:
        scale: Factors of depth, height and width.
        lung_volume: Share of the scan's height that the lungs keep; less is a shallower breath.
        heart: Factor of the heart's width.
        breast: Thickness of a breast in mm.
        fat: Evenly added soft tissue in mm.
    """

    scale: tuple[float, float, float]
    lung_volume: float
    heart: float
    breast: float
    fat: float


@dataclass(frozen=True)
class Simulation:
    """A simulated radiograph.

    Attributes:
        image: ``(H, W)`` uint8, the word SIMULATED in a lower corner.
        lungs: Box around the lungs in pixels: left, top, right, bottom (exclusive).
        parameters: What made it, ready for JSON.
    """

    image: np.ndarray
    lungs: tuple[int, int, int, int]
    parameters: dict[str, Any]


def simulate(scan: Scan, label: str, patient: int, view: int = 0) -> Simulation:
    """Make a radiograph; the same arguments give the same picture.

    A patient keeps body and opacities over its views; pose and exposure change. Patients of different labels are
    drawn alike but for their opacities. The gallery uses patients 0 to 49 of each label; take others for training.

    Args:
        scan: The chest to start from.
        label: ``"normal"``, ``"pneumonia"`` (focal consolidation) or ``"covid-19"`` (ground-glass).
        patient: Seed of the patient, at least 0.
        view: Which picture of that patient, at least 0.

    Returns:
        The radiograph.
    """
    # Streams of their own, so that drawing one more number for the body changes no opacity.
    kind = list(OPACITIES).index(label)
    of_body, of_opacity = (np.random.default_rng([kind, patient, stream]) for stream in (0, 1))
    of_view = np.random.default_rng([kind, patient, 2, view])
    body = _draw_body(of_body)
    geometry = _draw_geometry(scan, body, of_view)
    exposure = _draw_exposure(of_view)
    added = OPACITIES[label](scan, of_opacity)
    integrals, lungs = _line_integrals(scan, body, geometry, added, of_body)
    image = expose(integrals, exposure, of_view)
    _stamp(image)
    parameters = {"body": asdict(body), "geometry": asdict(geometry), "exposure": asdict(exposure)}
    return Simulation(image, _box(lungs), parameters)


def _draw_body(rng: np.random.Generator) -> Body:
    return Body(
        scale=(_draw(rng, 0.85, 1.2), _draw(rng, 0.92, 1.08), _draw(rng, 0.9, 1.12)),
        lung_volume=_draw(rng, 0.74, 1.0),
        heart=_draw(rng, 0.9, 1.3),
        breast=max(0.0, _draw(rng, -30, 35)),
        fat=_draw(rng, 0, 40),
    )


def _draw_geometry(scan: Scan, body: Body, rng: np.random.Generator) -> Geometry:
    """Aim at the lungs, roughly, as an operator does."""
    distance = _draw(rng, 1200, 1900)
    left, top, right, bottom = _lungs_on_detector(scan, body, distance)
    bottom = top + body.lung_volume * (bottom - top)
    width, height = (right - left) / rng.uniform(0.76, 0.9), bottom - top + rng.uniform(45, 75)
    width, height = max(width, height / 1.15), max(height, width / 1.25)
    pixel = round(max(width, height) / LONGER_SIDE, 4)
    shape = (min(LONGER_SIDE, round(height / pixel)), min(LONGER_SIDE, round(width / pixel)))
    centre = ((left + right) / 2 + rng.normal(0, 6), top - rng.uniform(15, 30) + shape[0] * pixel / 2)
    source = ((left + right) / 2 + rng.normal(0, 90), (top + bottom) / 2 + rng.normal(-40, 70))
    return Geometry(shape, pixel, _rounded(centre), _rounded(source), distance)


def _lungs_on_detector(scan: Scan, body: Body, distance: float) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the lungs in mm from the volume's centre, magnified."""
    depth, height, width = _scaled(scan.lobe_spacing, body)
    magnification = distance / (distance - scan.lobes.shape[0] * depth / 2)
    edges = []
    for axes, count, step in (((0, 1), scan.lobes.shape[2], width), ((0, 2), scan.lobes.shape[1], height)):
        there = np.flatnonzero((scan.lobes > 0).any(axis=axes))
        edges.append([float(n - count / 2) * step * magnification for n in (there[0], there[-1] + 1)])
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _draw_exposure(rng: np.random.Generator) -> Exposure:
    return Exposure(
        photons=round(float(10 ** rng.uniform(4.3, 5.8))),
        scatter=_draw(rng, 0.05, 0.4),
        blur=_draw(rng, 0.4, 1.2),
        equalization=_draw(rng, 0.45, 0.85),
        sharpening=_draw(rng, 0.0, 0.8),
        gamma=_draw(rng, 0.75, 1.35),
        white=_draw(rng, 98.0, 99.9),
    )


def _line_integrals(
    scan: Scan, body: Body, geometry: Geometry, added: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the line integrals through the patient, and the path through its lungs in mm."""
    fine, coarse = _scaled(scan.spacing, body), _scaled(scan.lobe_spacing, body)
    wide = _with_margin(geometry)
    total = project(scan.attenuation, fine, wide) + project(added, coarse, wide)
    lungs = project((scan.lobes > 0).astype(np.float32), coarse, wide)
    # A shallower breath leaves the same tissue in a smaller lung.
    total += lungs * (0.2 * WATER * (1 / body.lung_volume - 1))
    both = _deform(np.dstack([total, lungs]), body, rng)
    both = both[SIDE_MARGIN : SIDE_MARGIN + geometry.shape[0], SIDE_MARGIN:-SIDE_MARGIN]
    total, lungs = np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1])
    inside = cv2.GaussianBlur(np.clip(total, 0, 1), (0, 0), 4)
    return total + WATER * (body.fat * inside + _breasts(lungs, body)), lungs


def _with_margin(geometry: Geometry) -> Geometry:
    """Return a detector with room for what the deformation draws in, most of it from below."""
    rows, columns = geometry.shape
    shape = (rows + SIDE_MARGIN + LOWER_MARGIN, columns + 2 * SIDE_MARGIN)
    down = (LOWER_MARGIN - SIDE_MARGIN) / 2 * geometry.pixel
    return replace(geometry, shape=shape, centre=(geometry.centre[0], geometry.centre[1] + down))


def _deform(picture: np.ndarray, body: Body, rng: np.random.Generator) -> np.ndarray:
    """Lift the diaphragm, widen the heart and vary the outline, all in the picture's plane.

    ``picture`` is ``(H, W, 2)``: line integrals and path through the lungs.
    """
    rows, columns = picture.shape[:2]
    left, top, right, bottom = _box(picture[..., 1])
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    down = np.clip((y - top) / max(1, bottom - top) / body.lung_volume, 0, 1)
    lift = (1 - body.lung_volume) * (bottom - top) * down**2 * (3 - 2 * down)
    heart_x, heart_y, reach = left + 0.58 * (right - left), top + 0.66 * (bottom - top), 0.22 * (right - left)
    near_heart = np.exp(-((x - heart_x) ** 2 + (y - heart_y) ** 2) / (2 * reach**2))
    widen = (1 / body.heart - 1) * (x - heart_x) * near_heart
    wobble = [
        cv2.resize(rng.normal(0, 1, (6, 6)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    amplitude = 0.018 * (right - left)
    return cv2.remap(
        picture,
        x + widen + amplitude * wobble[0],
        y + lift + amplitude * wobble[1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _breasts(lungs: np.ndarray, body: Body) -> np.ndarray:
    """Return the thickness of two half-ellipsoids in mm."""
    left, top, right, bottom = _box(lungs)
    y, x = np.mgrid[: lungs.shape[0], : lungs.shape[1]].astype(np.float32)
    radius = 0.23 * (right - left)
    thickness = np.zeros(lungs.shape, np.float32)
    for share in (0.2, 0.8):
        centre_x, centre_y = left + share * (right - left), top + 0.72 * (bottom - top)
        flat = 1 - ((x - centre_x) / radius) ** 2 - ((y - centre_y) / (1.1 * radius)) ** 2
        thickness += body.breast * np.sqrt(np.clip(flat, 0, 1))
    return cv2.GaussianBlur(thickness, (0, 0), 3)


def _box(lungs: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box of all pixels whose ray passes more than 10 mm of lung."""
    rows, columns = (np.flatnonzero((lungs > 10).any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _stamp(image: np.ndarray) -> None:
    font, scale, corner = cv2.FONT_HERSHEY_SIMPLEX, 0.38, (5, image.shape[0] - 6)
    (width, height), _ = cv2.getTextSize(CAPTION, font, scale, 1)
    image[corner[1] - height - 3 : corner[1] + 4, corner[0] - 3 : corner[0] + width + 3] = 0
    cv2.putText(image, CAPTION, corner, font, scale, 235, 1, cv2.LINE_AA)


def _draw(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(float(pair[0]), 2), round(float(pair[1]), 2)


def _scaled(spacing: tuple[float, float, float], body: Body) -> tuple[float, float, float]:
    depth, height, width = (step * factor for step, factor in zip(spacing, body.scale, strict=True))
    return depth, height, width
