import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.quantization import observers
from engine.quantization.observers import QuantizationError, from_int8, scale_of, thresholds, to_int8

FINITE = st.floats(-1e6, 1e6, width=32)


def naive_histogram(values):
    peak = max(abs(float(v)) for v in values)
    counts = [0] * 2048
    for value in values:
        counts[min(int(abs(float(value)) / (peak or 1.0) * 2048), 2047)] += 1
    return counts


def naive_percentile(counts, percentile):
    total, seen = sum(counts), 0
    for bins, count in enumerate(counts, 1):
        seen += count
        if seen >= percentile / 100 * total:
            return bins
    return len(counts)


def naive_kl(counts):
    """Section 4 of the facts, word by word, one bin at a time."""
    counts = [float(count) for count in counts]
    counts[0] = counts[1]
    best, least = None, np.inf
    for cut in range(128, len(counts) + 1):
        p = counts[:cut]
        p[-1] += sum(counts[cut:])
        groups = [[] for _ in range(128)]
        for bin_ in range(cut):
            groups[bin_ * 128 // cut].append(bin_)
        q = [1e-4] * cut
        for group in groups:
            filled = [bin_ for bin_ in group if counts[bin_] > 0]
            for bin_ in filled:
                q[bin_] = sum(counts[b] for b in group) / len(filled)
        p_sum, q_sum = sum(p), sum(q)
        divergence = sum(a / p_sum * np.log(a / p_sum / (b / q_sum)) for a, b in zip(p, q, strict=True) if a > 0)
        if divergence <= least + 1e-12:
            best, least = cut, min(divergence, least)
    return best


@pytest.mark.parametrize("seed", range(3))
def test_the_kl_cut_is_that_of_the_naive_loop(monkeypatch, seed):
    draw = np.random.default_rng(seed)
    values = [draw.normal(size=4000), draw.laplace(size=3000), draw.standard_t(3, 5000)][seed]
    counts = observers.magnitude_histogram(values)[:400]
    assert observers.kl_bins(counts) == naive_kl(counts.tolist())


def test_divergences_are_those_of_scipy():
    from scipy.stats import entropy

    counts = observers.magnitude_histogram(np.random.default_rng(5).laplace(size=50_000)).astype(float)
    ours = observers._divergences(counts)
    counts[0] = counts[1]
    for cut in (128, 129, 700, 1999, 2048):
        p = counts[:cut].copy()
        p[-1] += counts[cut:].sum()
        group = np.arange(cut) * 128 // cut
        filled = counts[:cut] > 0
        level = np.bincount(group, counts[:cut]) / np.maximum(np.bincount(group, filled), 1)
        q = np.where(filled, level[group], 1e-4)
        assert ours[cut - 128] == pytest.approx(entropy(p, q), abs=1e-9)


@pytest.mark.parametrize("percentile", [50, 90, 99, 99.99, 100])
def test_the_percentile_is_the_first_edge_that_reaches_it(percentile):
    values = np.random.default_rng(2).standard_t(4, 3000).astype(np.float32)
    counts = observers.magnitude_histogram(values)
    assert observers.percentile_bins(counts, percentile) == naive_percentile(counts.tolist(), percentile)
    edge = thresholds(values, "percentile", percentile=percentile)[0]
    inside = np.mean(np.abs(values) <= edge * (1 + 1e-6))
    assert inside >= percentile / 100
    width = np.abs(values).max() / 2048
    assert np.mean(np.abs(values) < edge - 1.001 * width) < percentile / 100


def test_the_histogram_counts_as_the_naive_loop_does():
    values = np.random.default_rng(3).normal(size=2000)
    assert observers.magnitude_histogram(values).tolist() == naive_histogram(values)


def test_a_histogram_of_nothing_is_kept_whole():
    assert observers.kl_bins(np.zeros(200, np.int64)) == 200


def test_outliers_are_clipped_by_percentile_and_kl_but_not_by_max():
    values = np.append(np.random.default_rng(4).normal(size=100_000), 60.0)
    largest, percentile, kl = (thresholds(values, mode)[0] for mode in observers.MODES)
    assert largest == 60
    assert percentile == pytest.approx(2.58, abs=0.05)
    assert 3 < kl < 20


@pytest.mark.parametrize("mode", observers.MODES)
def test_each_channel_gets_the_threshold_of_its_own_row(mode):
    weights = np.random.default_rng(6).normal(size=(5, 7, 3, 3)) * np.arange(1, 6).reshape(5, 1, 1, 1)
    alone = [thresholds(row, mode)[0] for row in weights]
    assert thresholds(weights, mode, "channel").tolist() == alone


@settings(max_examples=40)
@given(arrays(np.float32, st.integers(1, 60), elements=FINITE), st.sampled_from(observers.MODES))
def test_thresholds_lie_between_nothing_and_the_maximum(values, mode):
    amax = thresholds(values, mode)[0]
    peak = float(np.abs(values).max())
    assert 0 <= amax <= peak * (1 + 1e-12)
    assert (amax == 0) == (peak == 0)


@settings(max_examples=60)
@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=FINITE))
def test_a_value_inside_the_threshold_comes_back_within_half_a_step(values):
    scale = scale_of(thresholds(values, "max", "channel"))
    back = from_int8(to_int8(values, scale), scale)
    assert (np.abs(back - values) <= scale[:, None] * 0.5001).all()


def test_int8_is_symmetric_and_saturates():
    assert to_int8(np.array([-1e9, 1e9, 0.0]), 1.0).tolist() == [-127, 127, 0]
    assert to_int8(np.array([0.5, 1.5, -0.5]), 1.0).tolist() == [0, 2, 0]


@pytest.mark.parametrize("scale", [1e-3, 0.37, 40.0])
def test_thresholds_grow_with_the_values(scale):
    values = np.random.default_rng(8).laplace(size=5000).astype(np.float32)
    for mode in observers.MODES:
        assert thresholds(values * np.float32(scale), mode)[0] == pytest.approx(
            scale * thresholds(values, mode)[0], rel=0.02
        )


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        ([], {}, "at least one"),
        ([np.nan], {}, "finite"),
        ([1.0], {"mode": "min"}, "choose one of max, percentile, kl"),
        ([1.0], {"granularity": "pixel"}, "choose one of tensor, channel"),
        ([1.0], {"percentile": 0}, "99 is paper B's"),
    ],
)
def test_what_cannot_be_quantized_is_named(values, options, words):
    with pytest.raises(QuantizationError, match=words):
        thresholds(values, **({"mode": "max"} | options))
