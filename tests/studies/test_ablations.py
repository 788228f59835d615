import json
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.datasets import Dataset
from engine.evaluation import average_precision, mean_average_precision
from engine.evaluation.hashing_report import report_tasks
from engine.studies import ablations
from engine.training.config import ABLATIONS
from engine.training.pictures import plain_view

CHOSEN = ("MATDH", "NoEnhanced", "AlexNet", "NoDecoder")


@pytest.fixture
def chosen(small_collection: Dataset, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(ablations, "ABLATIONS", {name: ABLATIONS[name] for name in CHOSEN})
    return small_collection


def test_every_variant_is_trained_measured_and_resumed(chosen: Dataset, tmp_path: Path) -> None:
    seen: list[tuple[str, dict[str, float]]] = []
    result, arrays = ablations.run_ablations((0, 3), tmp_path / "runs", None, lambda *row: seen.append(row))
    assert [name for name, _ in seen] == [f"{name}, seed {seed}" for seed in (0, 3) for name in CHOSEN]
    assert [name for name, row in seen if "reconstruction" not in row] == ["NoDecoder, seed 0", "NoDecoder, seed 3"]
    labels = arrays["query_labels"] != 0, arrays["gallery_labels"] != 0
    for name in CHOSEN:
        codes = arrays[f"query_{name}"], arrays[f"gallery_{name}"]
        assert codes[0].shape == (2, 12, 6)
        assert not np.array_equal(*codes[1]), "another seed, another network"
        expected = [mean_average_precision(codes[0][i], labels[0], codes[1][i], labels[1]) for i in range(2)]
        assert result["map_by_seed"][name]["binary"] == pytest.approx(expected, abs=1e-6)
        assert result["variants"][name]["binary"]["map"][0] == pytest.approx(np.mean(expected), abs=1e-6)
    assert result["provenance"]["preset"]["epochs"] == 1
    assert result["protocol"]["budget"] == "1 epochs at 32 pixels, the mean of 2 seeds"
    again, _ = ablations.run_ablations((0, 3), tmp_path / "runs", None, lambda *row: seen.append(row))
    assert len(seen) == 2 * len(CHOSEN), "a finished run is not trained again"
    assert again["variants"] == result["variants"]


def test_a_difference_is_paired_over_queries() -> None:
    draw = np.random.default_rng(0)
    labels = {"query_labels": np.arange(30) % 3, "gallery_labels": np.arange(60) % 3}
    codes = {
        f"{side}_{name}": draw.integers(0, 256, (len(labels[f"{side}_labels"]), 6)).astype(np.uint8)
        for side in ("query", "gallery")
        for name in ("MATDH", "CA")
    }
    rows = ablations.report_ablations(labels | codes, ("MATDH", "CA"), ("covid-19", "normal", "pneumonia"))
    assert rows["MATDH"]["binary"]["against_whole"] == [0, 0, 0]
    precision = [
        average_precision(codes[f"query_{n}"], labels["query_labels"], codes[f"gallery_{n}"], labels["gallery_labels"])
        for n in ("CA", "MATDH")
    ]
    mean, low, high = rows["CA"]["three_class"]["against_whole"]
    assert mean == pytest.approx((precision[0] - precision[1]).mean(), abs=1e-6)
    assert low <= mean <= high


def test_trainings_are_averaged_query_by_query() -> None:
    draw = np.random.default_rng(1)
    labels = {"query_labels": np.arange(12) % 3, "gallery_labels": np.arange(40) % 3}
    sizes = {"query": 12, "gallery": 40}
    several = {f"{side}_MATDH": draw.integers(0, 256, (3, size, 2)).astype(np.uint8) for side, size in sizes.items()}
    classes = ("covid-19", "normal", "pneumonia")
    (row,) = ablations.report_ablations(labels | several, ("MATDH",), classes).values()
    each = [
        report_tasks(
            several["query_MATDH"][i],
            labels["query_labels"],
            several["gallery_MATDH"][i],
            labels["gallery_labels"],
            classes,
        )
        for i in range(3)
    ]
    for task in ("binary", "three_class"):
        for figure in ("map", "p_at_1", "p_at_5", "p_at_10", "accuracy", "precision_within_2"):
            expected = np.mean([one[task][figure][0] for one in each])
            assert row[task][figure][0] == pytest.approx(expected, abs=2e-6), figure
            assert row[task][figure][1] <= expected <= row[task][figure][2]
        assert row[task]["empty_balls"] == pytest.approx(np.mean([one[task]["empty_balls"] for one in each]), abs=2e-6)


def test_a_picture_without_clahe_is_another_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8)
    enhanced, bare = (plain_view(picture, 0.12, 0.04, 32, enhanced) for enhanced in (True, False))
    assert not np.allclose(enhanced, bare)
    for view in (enhanced, bare):
        assert abs(view.mean()) < 1e-5
        assert view.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.skipif(not (RESULTS / "ablations.json").exists(), reason="not measured yet: python -m engine ablations")
def test_the_shipped_ablations_follow_from_the_shipped_codes() -> None:
    stored = json.loads((RESULTS / "ablations.json").read_text())
    arrays = dict(np.load(RESULTS / "ablations.npz", allow_pickle=False))
    assert set(stored["variants"]) == set(ABLATIONS)
    names, classes = tuple(stored["variants"]), tuple(arrays["classes"].tolist())
    assert ablations.report_ablations(arrays, names, classes) == stored["variants"]
    assert ablations.map_by_seed(arrays, names, classes) == stored["map_by_seed"]
