from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.vote import neighbour_vote, neighbour_votes

CLASSES = ["covid-19", "normal", "pneumonia"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(CLASSES)), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_votes_are_the_mean_over_all_orders_of_equally_near_items(gallery, k):
    counts = []
    for order in permutations(gallery):
        if [distance for distance, _ in order] == sorted(distance for distance, _ in gallery):
            counts.append([sum(label == name for _, label in order[:k]) for name in CLASSES])
    codes = np.array([[(1 << distance) - 1] for distance, _ in gallery], np.uint8)
    labels = [label for _, label in gallery]
    votes = neighbour_votes(np.zeros((1, 1), np.uint8), codes, labels, CLASSES, k=k)
    assert votes[0] == pytest.approx(np.mean(counts, axis=0))


def test_the_majority_wins():
    gallery = np.array([[0], [1], [3], [7]], np.uint8)
    labels = ["normal", "pneumonia", "pneumonia", "normal"]
    assert neighbour_vote(np.zeros((1, 1), np.uint8), gallery, labels, k=3).tolist() == ["pneumonia"]


def test_equal_votes_go_to_the_nearer_class():
    gallery = np.array([[1], [3]], np.uint8)
    query = np.zeros((1, 1), np.uint8)
    assert neighbour_vote(query, gallery, ["b", "a"], k=2).tolist() == ["b"]
    assert neighbour_vote(query, gallery, ["a", "b"], k=2).tolist() == ["a"]


def test_votes_equal_but_for_rounding_are_equal():
    # "a": one vote and 3 x 2/6 of the cut tie group; "b": two votes, which floating point finds more.
    gallery = np.array([[1], [3], [3]] + 6 * [[7]], np.uint8)
    labels = ["a", "b", "b", "a", "a", "c", "c", "c", "c"]
    assert neighbour_vote(np.zeros((1, 1), np.uint8), gallery, labels, k=6).tolist() == ["a"]


def test_equal_votes_at_one_distance_go_to_the_earlier_class():
    gallery = np.array([[1], [1], [1]], np.uint8)
    query = np.zeros((1, 1), np.uint8)
    assert neighbour_vote(query, gallery, ["c", "b", "a"], k=1).tolist() == ["a"]
    assert neighbour_vote(query, gallery, ["c", "b", "a"], k=1, classes=["b", "c", "a"]).tolist() == ["b"]


def test_the_gallery_order_decides_only_when_asked():
    gallery = np.array([[1], [1], [1]], np.uint8)
    query = np.zeros((1, 1), np.uint8)
    assert neighbour_vote(query, gallery, ["b", "a", "a"], k=1, ties="order").tolist() == ["b"]
    assert neighbour_vote(query, gallery, ["b", "a", "a"], k=1).tolist() == ["a"]


def test_features_vote_too():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [9.0, 9.0]])
    gallery = np.concatenate([centres[0] + rng.normal(size=(20, 2)), centres[1] + rng.normal(size=(20, 2))])
    labels = np.repeat([0, 1], 20)
    assert neighbour_vote(centres, gallery, labels).tolist() == [0, 1]


def test_labels_that_do_not_belong_to_the_gallery_are_refused():
    codes = np.zeros((3, 1), np.uint8)
    for labels in (["a"], "a", [["a", "b", "c"]], ["a"] * 4):
        with pytest.raises(ValueError, match="3 gallery items need as many labels"):
            neighbour_vote(codes, codes, labels)
        with pytest.raises(ValueError, match="3 gallery items need as many labels"):
            neighbour_votes(codes, codes, labels, ["a"])
    with pytest.raises(ValueError, match="at least one class"):
        neighbour_vote(codes, codes[:0], [])
