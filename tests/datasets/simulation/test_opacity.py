import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from engine.datasets.simulation.opacity import FILLING, OPACITIES, consolidation, ground_glass, no_opacity

SEEDS = range(8)


def test_there_is_one_pattern_per_class():
    assert set(OPACITIES) == {"normal", "pneumonia", "covid-19"}


def test_healthy_lungs_get_nothing(chest):
    assert not no_opacity(chest, np.random.default_rng(0)).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_consolidation_is_dense_and_stays_in_one_lobe(chest, seed):
    added = consolidation(chest, np.random.default_rng(seed))
    assert len(np.unique(chest.lobes[added > 0])) == 1
    assert chest.lobes[added > 0].min() > 0
    assert 0.4 * FILLING < added.max() <= FILLING


@pytest.fixture(scope="module")
def glass(chest):
    return [ground_glass(chest, np.random.default_rng(seed)) for seed in SEEDS]


def test_ground_glass_is_faint_and_bilateral(chest, glass):
    for added in glass:
        assert not added[chest.lobes == 0].any()
        half = added.shape[2] // 2
        assert 0.1 < added[..., :half].sum() / added.sum() < 0.9
        assert np.median(added[added > 0.05 * FILLING]) < 0.5 * FILLING


def test_ground_glass_lies_outward_and_at_the_bases(chest, glass):
    total = sum(glass)
    lungs = chest.lobes > 0
    _, y, x = np.ogrid[tuple(slice(n) for n in lungs.shape)]
    for where in (
        -distance_transform_edt(lungs, chest.lobe_spacing),
        np.broadcast_to(y, lungs.shape),
        np.broadcast_to(abs(x - (lungs.shape[2] - 1) / 2), lungs.shape),
    ):
        assert np.average(where, weights=total) > where[lungs].mean()


@pytest.mark.parametrize("label", OPACITIES)
def test_the_seed_decides(chest, label):
    first, again, other = (OPACITIES[label](chest, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert label == "normal" or not np.array_equal(first, other)
