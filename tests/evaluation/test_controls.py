import json

import numpy as np
import pytest

from engine.evaluation import mean_average_precision
from engine.evaluation.controls import (
    black_centre,
    float_features,
    random_codes,
    report_controls,
    source_only,
    within_source,
)
from engine.hashing.codes import pack_bits

CLASSES = ("covid-19", "normal", "pneumonia")
WORDS = np.array([[0, 0, 0, 0, 0, 0], [255] * 6, [255, 255, 255, 255, 0, 0]], np.uint8)


def side(count: int, seed: int, black: bool = False) -> dict[str, np.ndarray]:
    """Half positives, of which a tenth share the negatives' publisher; codes are perfect."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 4 // 2 * (1 + np.arange(count) % 2)
    sources = np.where((labels == 0) & (draw.random(count) > 0.1), "east", "west")
    noise = draw.integers(0, 256, (count, 6)).astype(np.uint8)
    features = np.eye(3)[labels] + draw.normal(0, 0.01, (count, 3))
    return {
        "labels": labels,
        "sources": sources,
        "codes": WORDS[labels],
        "black_codes": noise,
        "features": features.astype(np.float16),
    }


@pytest.fixture(scope="module")
def sides() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return side(80, 1), side(200, 2)


def test_knowing_the_publisher_ranks_as_a_two_valued_distance_does(sides: tuple) -> None:
    queries, gallery = sides
    one_bit = [pack_bits(np.repeat((s["sources"] == "east")[:, None], 8, axis=1)) for s in sides]
    for task, positive in (("binary", True), ("three_class", False)):
        labels = [s["labels"] == 0 if positive else s["labels"] for s in (queries, gallery)]
        expected = mean_average_precision(one_bit[0], labels[0], one_bit[1], labels[1])
        figures = source_only(queries, gallery, CLASSES)[task]
        assert figures["map"][0] == pytest.approx(expected, abs=1e-6)
        assert figures["map"][1] <= figures["map"][0] <= figures["map"][2]


def test_the_publisher_says_the_label_of_its_majority(sides: tuple) -> None:
    queries, gallery = sides
    right = (queries["sources"] == "east") | (queries["labels"] > 0)
    assert source_only(queries, gallery, CLASSES)["binary"]["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)


def test_the_drop_is_what_black_lungs_cost(sides: tuple) -> None:
    queries, gallery = sides
    figures = black_centre(queries, gallery, CLASSES)
    for task in ("binary", "three_class"):
        mean, low, high = figures[task]["drop"]
        assert mean == pytest.approx(1 - figures[task]["map"][0], abs=2e-6)
        assert low <= mean <= high
    same = {**queries, "black_codes": queries["codes"]}, {**gallery, "black_codes": gallery["codes"]}
    assert black_centre(*same, CLASSES)["binary"]["drop"] == [0, 0, 0]


def test_within_one_publisher_only_its_negatives_count(sides: tuple) -> None:
    queries, gallery = sides
    figures = within_source(queries, gallery, CLASSES)
    assert figures["source"] == "west"
    assert figures["classes"] == ["normal", "pneumonia"]
    assert figures["query_count"] == (queries["labels"] > 0).sum()
    assert figures["only"]["map"] == [1, 1, 1]
    spoilt = {**gallery, "codes": np.where((gallery["labels"] == 0)[:, None], queries["codes"][0], gallery["codes"])}
    assert within_source(queries, spoilt, CLASSES) == figures


def test_chance_is_the_share_of_the_querys_class(sides: tuple) -> None:
    queries, gallery = sides
    figures = random_codes(queries, gallery, 48, seeds=3)
    shares = np.bincount(gallery["labels"]) / len(gallery["labels"])
    assert figures["three_class"]["map"][0] == pytest.approx(shares[queries["labels"]].mean(), abs=0.05)
    assert figures["binary"]["p_at_10"][0] == pytest.approx(0.5, abs=0.1)
    assert figures["binary"]["map"][1] < figures["binary"]["map"][2]


def test_separate_features_are_a_perfect_ceiling(sides: tuple) -> None:
    assert float_features(*sides, CLASSES)["three_class"]["map"] == [1, 1, 1]


def test_the_shipped_controls_follow_from_the_shipped_arrays() -> None:
    from engine.artifacts import RESULTS

    stored = json.loads((RESULTS / "matdh.json").read_text())["controls"]
    arrays = dict(np.load(RESULTS / "matdh.npz", allow_pickle=False))
    again = report_controls(arrays, tuple(arrays["classes"].tolist()), stored["bits"])
    for name, control in again.items():
        # Float distances may round to another tie on another processor.
        assert control == stored[name] if name != "float_features" else control["what"] == stored[name]["what"]
    for task in ("binary", "three_class"):
        for figure, values in again["float_features"][task].items():
            assert values == pytest.approx(stored["float_features"][task][figure], abs=1e-3)


def test_the_shipped_files_are_small() -> None:
    from engine.artifacts import RESULTS

    assert (RESULTS / "matdh.npz").stat().st_size < 3e6


def test_the_positive_class_may_stand_anywhere():
    """Renumbering the classes changes no figure."""
    draw = np.random.default_rng(3)

    def side(count):
        labels = draw.integers(0, 3, count)
        return {
            "labels": labels,
            "sources": np.where(labels == 0, "east", "west"),
            "codes": draw.integers(0, 256, (count, 6), np.uint8),
            "black_codes": draw.integers(0, 256, (count, 6), np.uint8),
            "features": draw.normal(size=(count, 5)),
        }

    first = side(40), side(60)
    moved = tuple(one | {"labels": np.array([1, 0, 2])[one["labels"]]} for one in first)
    names = (CLASSES[1], CLASSES[0], CLASSES[2])
    for control in (source_only, black_centre, float_features):
        assert control(*first, CLASSES)["binary"] == control(*moved, names, positive=1)["binary"]
    assert within_source(*first, CLASSES) == within_source(*moved, names, positive=1)
