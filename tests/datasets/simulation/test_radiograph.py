from dataclasses import replace

import numpy as np
import pytest

from engine.datasets.simulation.radiograph import Exposure, Geometry, expose, project
from tests.datasets.simulation.conftest import SPACING


def ball(radius, step=1.0, side=80):
    axis = (np.arange(side) - (side - 1) / 2) * step
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    # A partly filled outer voxel, so that the surface is smooth.
    return np.clip((radius - distance) / step + 0.5, 0, 1).astype(np.float32)


def chord(geometry, radius, depth):
    """Length of each ray inside a ball at the volume's centre: vector geometry, no projection."""
    rows, columns = geometry.shape
    x = (np.arange(columns) - (columns - 1) / 2) * geometry.pixel + geometry.centre[0]
    y = (np.arange(rows) - (rows - 1) / 2) * geometry.pixel + geometry.centre[1]
    source = np.array([*geometry.source, depth / 2 - geometry.distance])
    grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], depth / 2), axis=-1) - source
    direction = grid / np.linalg.norm(grid, axis=-1, keepdims=True)
    nearest = np.linalg.norm(np.cross(direction, -source), axis=-1)
    return 2 * np.sqrt(np.maximum(radius**2 - nearest**2, 0))


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry((61, 61), 1.5),
        Geometry((61, 81), 1.2, centre=(10.0, -5.0), distance=600.0),
        Geometry((71, 71), 1.5, centre=(-8.0, 4.0), source=(120.0, -60.0), distance=500.0),
    ],
    ids=["centred", "shifted", "oblique"],
)
def test_a_ball_casts_the_shadow_of_a_cone_beam(geometry):
    expected = chord(geometry, 25.0, 80.0)
    assert expected.max() == pytest.approx(50, abs=0.5)
    difference = np.abs(project(ball(25.0), (1.0, 1.0, 1.0), geometry) - expected)
    # At the rim the length of the ray falls to zero within one voxel.
    assert difference[expected > 25].max() < 1
    assert difference.mean() < 0.3


def test_coarser_voxels_cast_the_same_shadow():
    """Lungs and opacities are projected from a coarser grid than the body and must fall on the same place."""
    geometry = Geometry((61, 61), 1.5, source=(40.0, 10.0))
    fine = project(ball(25.0), (1.0, 1.0, 1.0), geometry)
    coarse = project(ball(25.0, 2.0, 40), (2.0, 2.0, 2.0), geometry)
    assert np.abs(fine - coarse).mean() < 0.2


def test_spacing_scales_the_body():
    tall = project(ball(25.0), (1.0, 1.4, 1.0), Geometry((121, 121), 1.0))
    rows, columns = (np.ptp(np.flatnonzero(tall.max(axis=axis) > 5)) for axis in (1, 0))
    assert rows / columns == pytest.approx(1.4, abs=0.03)


@pytest.fixture(scope="module")
def integrals(chest):
    return project(chest.attenuation, SPACING, Geometry((96, 120), 4.0))


def test_bone_is_bright_air_is_dark(integrals):
    image = expose(integrals, Exposure(photons=1e9, equalization=1.0, sharpening=0.0), np.random.default_rng(0))
    spine, lung = image[50, 60], image[46, 83]
    assert image[50, 0] == 0
    assert 0 < lung < spine <= 255
    assert integrals.shape == image.shape


def test_fewer_photons_are_noisier_and_the_seed_decides(integrals):
    def noise(photons, seed):
        exposure = Exposure(photons=photons)
        clean = expose(integrals, replace(exposure, photons=1e12), np.random.default_rng(0)).astype(float)
        return expose(integrals, exposure, np.random.default_rng(seed)) - clean

    assert noise(1e4, 1).std() > 2 * noise(1e6, 1).std()
    assert np.array_equal(noise(1e4, 1), noise(1e4, 1))
    assert not np.array_equal(noise(1e4, 1), noise(1e4, 2))


def test_noise_has_the_variance_of_counted_photons():
    """Behind a flat absorber, -log(counts) varies by 1 / counts (error propagation of a Poisson variable)."""
    flat = np.full((200, 200), 2.0, np.float32)
    flat[:, :100] = 1.5
    exposure = Exposure(2e4, scatter=0.0, blur=0.01, equalization=1.0, sharpening=0.0, white=99.0)
    image = expose(flat, exposure, np.random.default_rng(3)).astype(float)
    step = image[:, 130:170].mean() - image[:, 30:70].mean()  # 0.5 of line integral
    inner = image[:, 130:170]
    unclipped = inner[(inner > 0) & (inner < 255)]
    assert unclipped.std() / step * 0.5 == pytest.approx(np.sqrt(np.exp(2.0) / 2e4), rel=0.25)


def test_gamma_darkens(integrals):
    bright, dark = (expose(integrals, Exposure(gamma=g), np.random.default_rng(0)).mean() for g in (0.8, 1.3))
    assert dark < bright
