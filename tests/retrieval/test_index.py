import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.hashing import unpack_bits
from engine.retrieval import HammingIndex
from engine.retrieval import index as index_module


def brute_force(query, codes):
    """Distances and positions of all codes, by distance and then by position."""
    distances = (unpack_bits(codes) != unpack_bits(query[None])).sum(axis=1)
    positions = sorted(range(len(codes)), key=lambda position: (distances[position], position))
    return [int(distances[position]) for position in positions], positions


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([8, 16, 24, 32, 48, 64, 128]), st.integers(1, 60), st.integers(1, 70), st.integers(0, 99))
def test_search_and_within_agree_with_brute_force(bits, count, k, seed):
    rng = np.random.default_rng(seed)
    # Few different bytes: most distances are tied.
    codes = rng.choice(np.array([0, 1, 255], np.uint8), (count, bits // 8))
    queries = rng.choice(np.array([0, 3], np.uint8), (4, bits // 8))
    index = HammingIndex(bits).add(codes[: count // 2]).add(codes[count // 2 :])
    distances, positions = index.search(queries, k)
    for row, query in enumerate(queries):
        expected_distances, expected_positions = brute_force(query, codes)
        assert distances[row].tolist() == expected_distances[:k]
        assert positions[row].tolist() == expected_positions[:k]
        inside = [p for d, p in zip(expected_distances, expected_positions, strict=True) if d <= 5]
        assert index.within(query, radius=5).tolist() == inside


@pytest.mark.parametrize("counted", [0, 10**6])
def test_both_ways_of_searching_order_ties_by_position(monkeypatch, counted):
    monkeypatch.setattr(index_module, "MAX_COUNTED", counted)
    codes = np.random.default_rng(0).integers(0, 2, (3000, 6), dtype=np.uint8)
    distances, positions = HammingIndex(48).add(codes).search(codes[:5], k=700)
    for row in range(5):
        expected_distances, expected_positions = brute_force(codes[row], codes)
        assert distances[row].tolist() == expected_distances[:700]
        assert positions[row].tolist() == expected_positions[:700]


def test_an_empty_index_finds_nothing():
    index = HammingIndex(48)
    distances, positions = index.search(np.zeros((3, 6), np.uint8), k=10)
    assert distances.shape == positions.shape == (3, 0)
    assert index.within(np.zeros(6, np.uint8), radius=48).tolist() == []
    assert len(index) == 0


def test_wrong_lengths_types_and_counts_are_refused():
    index = HammingIndex(48).add(np.zeros((1, 6), np.uint8))
    with pytest.raises(ValueError, match="48-bit codes, not 64-bit"):
        index.add(np.zeros((1, 8), np.uint8))
    with pytest.raises(TypeError, match="uint8"):
        index.search(np.zeros((1, 6)), k=1)
    with pytest.raises(ValueError, match="at least 1"):
        index.search(np.zeros((1, 6), np.uint8), k=0)
    with pytest.raises(ValueError, match="48-bit codes, not 96-bit"):
        index.within(np.zeros((2, 6), np.uint8), radius=1)
    with pytest.raises(ValueError, match="at least 0"):
        index.within(np.zeros(6, np.uint8), radius=-1)
    with pytest.raises(ValueError, match="multiple of 8"):
        HammingIndex(12)


def test_numbers_may_come_from_arrays_and_be_larger_than_anything():
    codes = np.array([[0], [1], [255]], np.uint8)
    index = HammingIndex(np.int64(8)).add(codes)
    assert index.search(codes[:1], k=np.int64(2))[1].tolist() == [[0, 1]]
    assert index.within(codes[0], radius=np.int64(1)).tolist() == [0, 1]
    assert index.within(codes[0], radius=10**12).tolist() == [0, 1, 2]


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 300), st.sampled_from([2, 5, 256]))
def test_all_that_lie_as_near_as_the_last_are_named(seed, count, k, values):
    """With few values thousands are equal, so the ball is looked at; with many the first look shows its end."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, values, (count, 2), dtype=np.uint8)
    apart = np.bitwise_count(codes ^ codes[0]).sum(1)
    order = np.argsort(apart, kind="stable")
    order = order[: (apart[order] <= apart[order[min(k, count) - 1]]).sum()]
    distances, positions = HammingIndex(16).add(codes).as_near(codes[0], k)
    assert positions.tolist() == order.tolist()
    assert distances.tolist() == apart[order].tolist()


def test_as_near_takes_at_least_one():
    with pytest.raises(ValueError, match="at least 1"):
        HammingIndex(8).add(np.zeros((1, 1), np.uint8)).as_near(np.zeros(1, np.uint8), 0)
