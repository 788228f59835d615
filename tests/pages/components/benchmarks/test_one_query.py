"""All methods on one query, by codes that were counted by hand and by the shipped ones."""

import numpy as np

from pages.components.benchmarks.one_query import nearest
from tests.pages.reading import texts


def test_the_nearest_are_those_with_the_fewest_bits_apart_and_never_the_query_itself() -> None:
    codes = np.array([[0b0], [0b111], [0b1], [0b0], [0b11], [0b10]], np.uint8)
    assert nearest(codes, 0, 5) == [3, 2, 5, 4, 1]


def test_every_method_that_has_codes_answers_the_sample(open_page) -> None:
    app = open_page("benchmarks", part="One query (Fig. 10)")
    assert not app.exception
    assert "solid frame: the query's label" in texts(app)
