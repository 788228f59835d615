"""The tie-aware formulas against every permutation of the gallery, one by one."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.ranking import expected_hits, hit_chance, ranked_average_precision

GALLERIES = st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6)


def average_precision_in_order(hits):
    found, total = 0, 0.0
    for rank, hit in enumerate(hits, start=1):
        if hit:
            found += 1
            total += found / rank
    return total / found if found else 0.0


def rankings(gallery):
    """Relevance flags of every order of the gallery that respects the distances."""
    for order in permutations(gallery):
        distances = [distance for distance, _ in order]
        if distances == sorted(distances):
            yield [hit for _, hit in order]


def as_rows(gallery):
    distances, relevant = zip(*gallery, strict=True)
    return np.array([distances]), np.array([relevant])


@settings(max_examples=60, deadline=None)
@given(GALLERIES)
def test_average_precision_is_the_mean_over_all_permutations(gallery):
    expected = np.mean([average_precision_in_order(hits) for hits in rankings(gallery)])
    assert ranked_average_precision(*as_rows(gallery))[0] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(GALLERIES, st.integers(1, 8))
def test_hits_are_the_mean_over_all_permutations(gallery, depth):
    padded = [(hits + [False] * depth)[:depth] for hits in rankings(gallery)]
    expected = np.mean(np.cumsum(padded, axis=1), axis=0)
    assert expected_hits(*as_rows(gallery), depth)[0] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(GALLERIES, st.data())
def test_the_chance_of_a_hit_is_the_share_of_permutations_with_one(gallery, data):
    depth = data.draw(st.integers(1, len(gallery)))
    expected = np.mean([any(hits[:depth]) for hits in rankings(gallery)])
    assert hit_chance(*as_rows(gallery), depth)[0] == pytest.approx(expected, abs=1e-12)


@given(GALLERIES)
def test_order_keeps_the_gallery_order_among_equals(gallery):
    in_order = [hit for _, hit in sorted(gallery, key=lambda item: item[0])]
    expected = average_precision_in_order(in_order)
    assert ranked_average_precision(*as_rows(gallery), ties="order")[0] == pytest.approx(expected)


@given(GALLERIES, st.randoms())
def test_the_order_of_the_gallery_does_not_matter(gallery, random):
    shuffled = random.sample(gallery, len(gallery))
    assert ranked_average_precision(*as_rows(shuffled)) == pytest.approx(ranked_average_precision(*as_rows(gallery)))


def test_one_tie_group_is_scored_as_a_random_ranking():
    distances = np.zeros((1, 1000))
    relevant = np.arange(1000)[None] < 300
    assert ranked_average_precision(distances, relevant)[0] == pytest.approx(0.3, abs=0.01)


def test_rows_are_independent():
    rng = np.random.default_rng(3)
    distances, relevant = rng.integers(0, 4, (20, 30)), rng.random((20, 30)) < 0.4
    together = ranked_average_precision(distances, relevant)
    alone = [ranked_average_precision(distances[[row]], relevant[[row]])[0] for row in range(20)]
    assert together == pytest.approx(alone)


def test_a_query_without_relevant_items_follows_the_named_policy():
    distances, relevant = np.array([[1, 2]]), np.zeros((1, 2), bool)
    assert ranked_average_precision(distances, relevant, empty="zero").tolist() == [0.0]
    assert np.isnan(ranked_average_precision(distances, relevant, empty="skip")).all()


def test_unknown_policies_and_depths_are_refused():
    distances, relevant = np.array([[1, 2]]), np.ones((1, 2), bool)
    with pytest.raises(ValueError, match="ties"):
        ranked_average_precision(distances, relevant, ties="best")
    with pytest.raises(ValueError, match="empty"):
        ranked_average_precision(distances, relevant, empty="one")
    with pytest.raises(ValueError, match="rank 1"):
        expected_hits(distances, relevant, 0)
    for depth in (0, 3):
        with pytest.raises(ValueError, match="rank 1 to 2"):
            hit_chance(distances, relevant, depth)
