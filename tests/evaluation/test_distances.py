import numpy as np
import pytest

from engine.evaluation.distances import pairwise_distances


def test_features_are_compared_by_euclidean_distance():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(6, 11)), rng.normal(size=(9, 11))
    expected = np.linalg.norm(first[:, None] - second[None], axis=-1)
    assert pairwise_distances(first, second) == pytest.approx(expected, rel=1e-6)


def test_an_offset_far_from_the_origin_does_not_cost_precision():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    far = pairwise_distances(first + 1e6, second + 1e6)
    assert far == pytest.approx(pairwise_distances(first, second), rel=1e-6)


def test_single_precision_is_computed_in_double():
    first = np.float32([[1e-4, 1.0]])
    assert pairwise_distances(first, np.float32([[0.0, 1.0]]))[0, 0] == pytest.approx(1e-4, rel=1e-4)


def test_distances_equal_but_for_rounding_are_ties():
    rng = np.random.default_rng(2)
    item = rng.normal(size=(1, 500))
    distances = pairwise_distances(item, np.concatenate([item, rng.normal(size=(7, 500)), item]))
    assert distances[0, 0] == distances[0, -1] == 0
    rotations = np.array([[3.0, 0.1], [-3.0, 0.1], [0.1, 3.0]])
    assert len(np.unique(pairwise_distances(np.zeros((1, 2)), rotations))) == 1
