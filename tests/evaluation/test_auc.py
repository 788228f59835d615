import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluation.auc import auc_per_positive, distance_margin


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=12))
def test_auc_is_the_share_of_pairs_in_the_right_order(rows):
    scores, positive = [float(score) for score, _ in rows], [flag for _, flag in rows]
    if all(positive) or not any(positive):
        with pytest.raises(ValueError, match="positives and negatives"):
            auc_per_positive(scores, positive)
        return
    mine = [score for score, flag in rows if flag]
    others = [score for score, flag in rows if not flag]
    expected = [sum((a > b) + 0.5 * (a == b) for b in others) / len(others) for a in mine]
    np.testing.assert_allclose(auc_per_positive(scores, positive), expected)


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="numbers"):
        auc_per_positive([np.nan, 1.0], [True, False])


def test_the_margin_ignores_what_is_not_in_the_gallery():
    distances = np.array([[1.0, np.inf, 3.0, 5.0], [2.0, 4.0, np.inf, np.inf]])
    positive = np.array([True, True, False, False])
    margin = distance_margin(distances, positive)
    assert margin[0] == 4.0 - 1.0
    assert np.isnan(margin[1])
