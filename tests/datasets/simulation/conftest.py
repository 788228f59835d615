"""A chest of ellipsoids: quick, and known exactly."""

import numpy as np
import pytest

from engine.datasets.simulation.scan import LOBES, WATER, Scan

SPACING = (5.5, 5.0, 5.0)
SHAPE = (40, 66, 80)


def ellipsoid(centre, radii):
    """Voxels inside an ellipsoid; centre and radii in mm, the centre relative to the middle of the volume."""
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    steps = zip(axes, SHAPE, SPACING, centre, radii, strict=True)
    return sum((((a - (n - 1) / 2) * s - c) / r) ** 2 for a, n, s, c, r in steps) <= 1


@pytest.fixture(scope="session")
def chest():
    body = ellipsoid((0, 0, 0), (105, 1e6, 185))
    right, left = (ellipsoid((0, -10, side * 75), (75, 115, 52)) for side in (-1, 1))
    lower = (np.arange(SHAPE[1]) > SHAPE[1] / 2)[None, :, None]
    lobes = np.zeros(SHAPE, np.uint8)
    for region, number in (
        (right & ~lower, LOBES["right upper"]),
        (right & lower, LOBES["right lower"]),
        (left & ~lower, LOBES["left upper"]),
        (left & lower, LOBES["left lower"]),
    ):
        lobes[region] = number
    # The choice of a lobe must find one of each number: a slice of the right lung is the middle lobe.
    lobes[:, SHAPE[1] // 2 : SHAPE[1] // 2 + 6][right[:, SHAPE[1] // 2 : SHAPE[1] // 2 + 6]] = LOBES["right middle"]
    attenuation = np.where(lobes > 0, 0.2, 1.0) * body * WATER
    return Scan(attenuation.astype(np.float32), SPACING, lobes, SPACING)
