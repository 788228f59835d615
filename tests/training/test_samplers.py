from collections import Counter

import numpy as np

from engine.training.samplers import balanced_batches


def test_balanced_batches_hold_as_many_of_every_class() -> None:
    labels = np.array([0] * 60 + [1] * 7 + [2] * 20)
    for batch in balanced_batches(labels, labels, 32, 10, np.random.default_rng(0)):
        assert Counter(labels[batch].tolist()) == {0: 10, 1: 10, 2: 10}


def test_sources_are_drawn_by_the_root_of_their_size() -> None:
    labels = np.zeros(500, np.int64)
    groups = np.array([0] * 400 + [1] * 100)
    drawn = np.concatenate(list(balanced_batches(labels, groups, 50, 200, np.random.default_rng(0))))
    assert abs((groups[drawn] == 1).mean() - 1 / 3) < 0.02


def test_a_group_is_exhausted_before_it_repeats() -> None:
    labels = np.zeros(10, np.int64)
    first = np.concatenate(list(balanced_batches(labels, labels, 5, 2, np.random.default_rng(0))))
    assert len(np.unique(first)) == 10


def test_the_same_seed_draws_the_same_batches() -> None:
    labels = np.arange(30) % 3
    runs = [list(balanced_batches(labels, labels, 9, 4, np.random.default_rng(5))) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
