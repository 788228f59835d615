"""Why a search found what it found."""

from collections import Counter

import cv2
import numpy as np
import pytest

from engine.hashing import shipped_methods
from engine.hashing.methods import METHODS
from engine.hashing.saliency import SimilarityMap
from pages.components.kit.results import method_result
from pages.components.kit.words import LABELS
from pages.components.retrieve import explain
from tests.pages.reading import results, texts


def test_the_overlay_is_orange_above_an_even_share_and_blue_below():
    cells = np.full((4, 4), 1 / 16, np.float32)
    cells[0, 0], cells[3, 3] = 2 / 16, 0
    one = SimilarityMap(float(cells.sum()), cells, np.full((128, 128), 128, np.uint8))
    image = cv2.imdecode(np.frombuffer(explain.overlay_file(one), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert image.shape == (explain.SIDE, explain.SIDE, 3)
    more, less, even = image[20, 20], image[-20, -20], image[20, -20]
    assert more[0] > more[2] + 60
    assert less[2] > less[0] + 60
    assert np.ptp(even) < 8


@pytest.mark.parametrize(
    ("cell", "words"),
    [((0, 0), "upper left"), ((3, 3), "lower right"), ((1, 1), "upper left"), ((2, 0), "middle left")],
)
def test_the_strongest_region_is_named(cell, words):
    cells = np.zeros((4, 4), np.float32)
    cells[cell] = 1
    assert explain.describe_heat(SimilarityMap(1.0, cells, np.zeros((8, 8), np.uint8))).endswith(words)


def test_retrieve_shows_votes_of_three_classes_and_of_two(open_page):
    app = open_page("retrieve")
    found = [one["label"] for one in results(app)]
    counts = Counter(title for line in found for title in LABELS.values() if title in line)
    shown = {metric.label: metric.value for metric in app.metric}
    for title in LABELS.values():
        assert shown[title] == f"{counts[title]} of 10"
    covid = counts["COVID-19"]
    verdict = "undecided" if covid == 5 else "COVID-19" if covid > 5 else "not COVID-19"
    assert shown["COVID-19 or not"] == verdict


@pytest.mark.skipif(len(shipped_methods()) < 2, reason="one method is shipped: python -m engine baselines")
def test_how_often_a_vote_is_right_is_said_of_the_method_that_searches(open_page):
    method = shipped_methods()[1]
    figures = method_result(method)["bits"]["48"]
    app = open_page("retrieve", method=METHODS[method].title)
    helps = {metric.label: metric.help for metric in app.metric}
    for title, task in (("Normal", "three_class"), ("COVID-19 or not", "binary")):
        assert f"this vote is right {figures[task]['accuracy'][0]:.3f} of the time" in helps[title]


def test_retrieve_explains_the_result_that_is_chosen(open_page):
    app = open_page("retrieve")
    assert "**Your query**: agreement" in texts(app)
    assert "**Result 1**: agreement" in texts(app)
    app.pills(key="compare_rank").set_value(4).run()
    assert not app.exception
    assert "**Result 4**: agreement" in texts(app)
