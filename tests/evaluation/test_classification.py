import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluation.classification import accuracy, confusion_matrix, precision_per_class, recall_per_class

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


@given(PAIRS)
def test_every_figure_follows_from_counting_pairs(pairs):
    true, predicted = zip(*pairs, strict=True)
    confusion = confusion_matrix(true, predicted, "abc")
    for row, actual in enumerate("abc"):
        for column, said in enumerate("abc"):
            assert confusion[row, column] == pairs.count((actual, said))
    assert accuracy(confusion) == pytest.approx(np.mean([t == p for t, p in pairs]))
    for position, name in enumerate("abc"):
        right = pairs.count((name, name))
        said, actual = predicted.count(name), true.count(name)
        assert precision_per_class(confusion)[position] == pytest.approx(right / said if said else 0)
        assert recall_per_class(confusion)[position] == pytest.approx(right / actual if actual else 0)


def test_a_class_that_never_occurs_can_be_skipped():
    confusion = confusion_matrix([0, 0], [0, 0], [0, 1])
    assert np.isnan(precision_per_class(confusion, empty="skip")[1])
    assert np.isnan(recall_per_class(confusion, empty="skip")[1])


def test_nothing_classified_has_no_accuracy():
    assert np.isnan(accuracy(confusion_matrix([], [], ["a", "b"])))


def test_unknown_labels_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="'z' is not among"):
        confusion_matrix(["a"], ["z"], ["a", "b"])
    with pytest.raises(ValueError, match="1 true labels but 2"):
        confusion_matrix(["a"], ["a", "a"], ["a"])
