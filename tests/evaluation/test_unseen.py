"""Retrieval with the own group left out, against one query at a time and the plain metrics on its own gallery."""

import itertools

import numpy as np
import pytest

from engine.evaluation import average_precision, neighbour_vote, precision_curve
from engine.evaluation.unseen import by_value, distances_apart, kin_among, positive_scores, ranking_figures

DRAW = np.random.default_rng(5)
CODES = DRAW.integers(0, 8, (40, 2), np.uint8)
LABELS = DRAW.integers(0, 3, 40)
GROUPS = DRAW.integers(0, 15, 40)


def test_every_query_is_ranked_in_a_gallery_without_its_group():
    figures = ranking_figures(distances_apart(CODES, CODES, GROUPS, GROUPS), LABELS, LABELS)
    for query in range(40):
        rest = np.flatnonzero(GROUPS[query] != GROUPS)
        plain = (CODES[query : query + 1], LABELS[query : query + 1], CODES[rest], LABELS[rest])
        assert figures["map"][query] == pytest.approx(average_precision(*plain, empty="skip")[0], nan_ok=True)
        precision = precision_curve(*plain, n=10)[0]
        assert figures["p_at_1"][query] == pytest.approx(precision[0])
        assert figures["p_at_10"][query] == pytest.approx(precision[9])
        vote = neighbour_vote(plain[0], plain[2], plain[3], k=10, classes=range(3))[0]
        assert figures["accuracy"][query] == (vote == LABELS[query])


def test_a_small_gallery_counts_nothing_that_was_left_out():
    """Nine of ten neighbours do not exist: they vote for nobody."""
    codes, groups = np.zeros((4, 1), np.uint8), np.array([0, 0, 0, 1])
    labels = np.array([1, 1, 1, 0])
    figures = ranking_figures(distances_apart(codes, codes, groups, groups), labels, labels)
    assert figures["accuracy"].tolist() == [0, 0, 0, 0]
    assert np.isnan(figures["map"]).all()
    assert figures["p_at_1"].tolist() == [0, 0, 0, 0]


def test_scores_are_margins_of_mean_distances():
    distances = distances_apart(CODES, CODES, GROUPS, GROUPS)
    scores = positive_scores(distances, LABELS, positive=1)
    rest = GROUPS[7] != GROUPS
    far = [np.unpackbits(CODES[7] ^ CODES[n]).sum() for n in np.flatnonzero(rest & (LABELS != 1))]
    near = [np.unpackbits(CODES[7] ^ CODES[n]).sum() for n in np.flatnonzero(rest & (LABELS == 1))]
    assert scores[7] == pytest.approx(np.mean(far) - np.mean(near))


def test_kin_among_is_the_chance_over_all_orders_of_ties():
    codes = np.array([[0], [1], [2], [4], [255]], np.uint8)
    patients = np.array([0, 0, 1, 2, 3])
    same = np.eye(5, dtype=bool)
    chances = kin_among(codes, codes, patients[:, None] == patients, same, depth=2)
    orders = list(itertools.permutations([1, 2, 3]))  # equally near to the first picture
    assert chances[0] == pytest.approx(np.mean([1 in order[:2] for order in orders]))
    assert len(chances) == 2


def test_a_group_is_needed_for_each_picture():
    with pytest.raises(ValueError, match="a group each"):
        distances_apart(CODES, CODES, GROUPS[:3], GROUPS)


def test_figures_are_split_by_what_is_known_and_frequent():
    values = np.array(["a", "", "b", "a"])
    parts = by_value({"x": np.arange(4.0)}, values, least=2)
    assert {name: rows["x"].tolist() for name, rows in parts.items()} == {"a": [0.0, 3.0]}
