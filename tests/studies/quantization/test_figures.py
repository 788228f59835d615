import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.studies.quantization.figures import figures, nearest_others, nearest_positions, overlap

CLASSES = np.array(["a", "b", "c"])


def bits_of(codes):
    return [format(int.from_bytes(bytes(row)), "016b") for row in codes]


@pytest.fixture
def retrieval():
    draw = np.random.default_rng(0)
    words = draw.integers(0, 256, (3, 2)).astype(np.uint8)
    labels = np.arange(40) % 3
    noise = np.packbits(draw.random((40, 16)) < 0.15, axis=1)
    slips = np.packbits(draw.random((40, 16)) < 0.03, axis=1)
    exact = words[labels] ^ noise
    return {
        "classes": CLASSES,
        "query_labels": labels[:12],
        "gallery_labels": labels[12:],
        "fp32": exact,
        "int8": exact ^ slips,
    }


def test_flipped_bits_are_those_that_differ_one_by_one(retrieval):
    found = figures("retrieval", retrieval, ["int8"])["int8"]
    pairs = list(zip(bits_of(retrieval["fp32"]), bits_of(retrieval["int8"]), strict=True))
    flipped = [sum(a != b for a, b in zip(ours, theirs, strict=True)) for ours, theirs in pairs]
    assert found["bits_flipped"] == sum(flipped) > 0
    assert found["bits"] == 40 * 16
    assert found["flipped_share"][0] == pytest.approx(sum(flipped) / (40 * 16), abs=1e-6)
    assert found["same_code"][0] == pytest.approx(np.mean([count == 0 for count in flipped]), abs=1e-6)


def test_overlap_and_nearest_are_those_of_sorted_lists(retrieval):
    def ten(codes, query):
        asked = bits_of(codes[query : query + 1])[0]
        away = [sum(a != b for a, b in zip(asked, held, strict=True)) for held in bits_of(codes[12:])]
        return sorted(range(28), key=lambda i: (away[i], i))[:10]

    found = figures("retrieval", retrieval, ["int8"])["int8"]
    lists = [(ten(retrieval["fp32"], q), ten(retrieval["int8"], q)) for q in range(12)]
    assert found["top10_overlap"][0] == pytest.approx(np.mean([len(set(a) & set(b)) / 10 for a, b in lists]), abs=1e-6)
    assert found["same_nearest"][0] == pytest.approx(np.mean([a[0] == b[0] for a, b in lists]), abs=1e-6)


def test_the_change_is_the_difference_of_the_two(retrieval):
    found = figures("retrieval", retrieval, ["fp32", "int8"])
    for name in ("map_binary", "map_three_class", "accuracy"):
        difference = found["int8"][name][0] - found["fp32"][name][0]
        assert found["int8"][f"{name}_change"][0] == pytest.approx(difference, abs=2e-6)
        assert found["fp32"][f"{name}_change"] == [0, 0, 0]
    assert found["fp32"]["bits_flipped"] == 0
    assert found["fp32"]["top10_overlap"] == [1, 1, 1]


def test_predictions_are_counted_against_truth_and_against_the_float_network():
    held = {
        "classes": CLASSES,
        "labels": np.array([0, 0, 1, 1, 2, 2]),
        "fp32": np.array([0, 0, 1, 2, 2, 2]),
        "fp32/nearest": np.array([[1], [0], [3], [2], [5], [4]]),
        "max": np.array([0, 1, 1, 2, 2, 2]),
        "full": np.array([0, 0, 1, 1, 2, 2]),
        "full/nearest": np.array([[1], [0], [0], [2], [5], [4]]),
    }
    found = figures("classification", held, ["max", "full"])
    assert found["max"]["confusion"] == [[1, 1, 0], [0, 1, 1], [0, 0, 2]]
    assert (found["max"]["right"], found["max"]["count"]) == (4, 6)
    assert found["max"]["top1_agreement"][0] == pytest.approx(5 / 6, abs=1e-6)
    assert found["max"]["precision"] == pytest.approx([1, 0.5, 2 / 3], abs=1e-6)
    assert found["max"]["top10_overlap"][0] == 1, "features are the float network's"
    assert found["full"]["accuracy_change"][0] == pytest.approx(1 / 6, abs=1e-6)
    assert found["full"]["p_at_10"][0] == found["full"]["top10_overlap"][0] == pytest.approx(5 / 6, abs=1e-6)


@given(arrays(np.float32, (7, 3), elements=st.floats(-9, 9, width=32)))
def test_a_picture_is_never_its_own_neighbour(features):
    nearest = nearest_others(features, k=6)
    for row, own in zip(nearest, range(7), strict=True):
        assert sorted([*row.tolist(), own]) == list(range(7))


def test_neighbours_of_features_are_scipys():
    from scipy.spatial.distance import cdist

    features = np.random.default_rng(1).normal(size=(30, 5))
    distances = cdist(features, features) + np.diag([np.inf] * 30)
    np.testing.assert_array_equal(nearest_others(features, k=4), np.argsort(distances, axis=1)[:, :4])


def test_equal_distances_are_taken_by_position():
    assert nearest_positions(np.array([[0]], np.uint8), np.array([[1], [2], [4]], np.uint8), k=3).tolist() == [
        [0, 1, 2]
    ]


def test_overlap_asks_for_members_not_for_order():
    assert overlap(np.array([[0, 1, 2, 3]]), np.array([[3, 9, 1, 8]])).tolist() == [0.5]
