import numpy as np
import pytest

from engine.evaluation.bootstrap import bootstrap_band, bootstrap_interval, paired_bootstrap


def naive_means(values, resamples, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(values), size=(resamples, len(values)))
    return np.array([np.nanmean([values[i] for i in row]) for row in drawn])


def test_interval_is_made_of_the_percentiles_of_resampled_means():
    values = np.random.default_rng(1).random(30)
    low, high = np.percentile(naive_means(values, 200, seed=4), [2.5, 97.5])
    interval = bootstrap_interval(values, resamples=200, seed=4)
    assert interval == pytest.approx((values.mean(), low, high))


def test_skipped_queries_are_left_out_of_every_mean():
    values = np.random.default_rng(2).random(30)
    values[[3, 9]] = np.nan
    low, high = np.percentile(naive_means(values, 200, seed=4), [5, 95])
    interval = bootstrap_interval(values, level=0.9, resamples=200, seed=4)
    assert interval == pytest.approx((np.nanmean(values), low, high))


def test_interval_of_a_large_sample_agrees_with_the_normal_one():
    values = np.random.default_rng(3).normal(size=2000)
    interval = bootstrap_interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert interval.high - interval.mean == pytest.approx(half, rel=0.1)
    assert interval.mean - interval.low == pytest.approx(half, rel=0.1)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered = 0
    for seed in range(200):
        interval = bootstrap_interval(rng.random(80) < 0.7, resamples=300, seed=seed)
        covered += interval.low <= 0.7 <= interval.high
    assert 0.89 <= covered / 200 <= 0.99


def test_band_is_the_interval_at_every_point():
    curves = np.random.default_rng(5).random((25, 4))
    band = bootstrap_band(curves, resamples=100, seed=1)
    for point in range(4):
        expected = bootstrap_interval(curves[:, point], resamples=100, seed=1)
        assert (band.mean[point], band.low[point], band.high[point]) == pytest.approx(expected)


def test_pairing_finds_a_difference_that_separate_intervals_hide():
    rng = np.random.default_rng(6)
    first = rng.random(100)
    second = first + 0.02 + rng.normal(scale=0.01, size=100)
    difference = paired_bootstrap(first, second)
    assert difference.mean == pytest.approx((second - first).mean())
    assert 0 < difference.low < difference.mean < difference.high
    assert difference.p_value == pytest.approx(2 / 2001)
    assert bootstrap_interval(first).high > bootstrap_interval(second).low


def test_no_difference_is_not_significant():
    values = np.random.default_rng(7).random(50)
    assert paired_bootstrap(values, values).p_value == 1
    noise = np.random.default_rng(8).permutation(np.repeat([-1.0, 1.0], 25))
    assert paired_bootstrap(values, values + noise).p_value > 0.5


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(ValueError, match="at least one query"):
        bootstrap_interval([])
    with pytest.raises(ValueError, match="at least one query"):
        bootstrap_interval([np.nan])
    with pytest.raises(ValueError, match="vector"):
        bootstrap_interval(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_interval([1.0], level=95)
    with pytest.raises(ValueError, match="one length"):
        paired_bootstrap([1.0], [1.0, 2.0])
