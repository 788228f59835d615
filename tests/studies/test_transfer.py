import json
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.datasets import Dataset
from engine.evaluation import mean_average_precision
from engine.studies.transfer import blackened, report_transfer, run_transfer
from engine.training.config import HOLDOUTS, PRESETS, UNGUARDED, TrainingConfig
from engine.training.pictures import FramedPictures
from engine.training.run import configuration, left_in

TRAINED = ("MATDH", *HOLDOUTS, *UNGUARDED)
NETWORKS = (*TRAINED, *(f"{name} black" for name in TRAINED))


def side(name: str, count: int, draw: np.random.Generator) -> dict[str, np.ndarray]:
    labels = np.arange(count) % 3
    sources = np.where((labels == 0) & (np.arange(count) % 2 == 0), "cxnet", "talo")
    codes = {f"{name}_{network}": draw.integers(0, 256, (count, 6)).astype(np.uint8) for network in NETWORKS}
    more = {f"{name}_labels": labels, f"{name}_sources": sources}
    return codes | more | {"classes": np.array(["covid-19", "normal", "pneumonia"])}


def test_only_the_publishers_positives_are_left_out() -> None:
    labels, sources = np.array([0, 0, 1, 2]), np.array(["cxnet", "talo", "cxnet", "talo"])
    names = np.arange(4).astype(str)
    pictures = FramedPictures(
        np.zeros((4, 8, 8), np.uint8), 0.12, labels, sources, sources, names, names, ("a", "b", "c")
    )
    chosen = left_in(pictures, TrainingConfig(without_positives="cxnet"))
    assert chosen.tolist() == [False, True, True, True]
    assert pictures.kept(chosen).ids.tolist() == ["1", "2", "3"]
    assert left_in(pictures, TrainingConfig()).all()


def test_a_report_asks_with_the_positives_left_out_and_holds_none_of_them() -> None:
    draw = np.random.default_rng(0)
    arrays = side("query", 30, draw) | side("gallery", 60, draw)
    row = report_transfer(arrays)["left_out"][0]
    assert (row["publisher"], row["positives"], row["negatives"]) == ("cxnet", 5, 20)
    asked = [i for i in range(30) if arrays["query_labels"][i] or arrays["query_sources"][i] == "cxnet"]
    held = [i for i in range(60) if arrays["gallery_labels"][i] or arrays["gallery_sources"][i] == "talo"]
    for training, network in (("guarded", "without cxnet"), ("unguarded", "unguarded without cxnet")):
        expected = mean_average_precision(
            arrays[f"query_{network}"][asked],
            arrays["query_labels"][asked] == 0,
            arrays[f"gallery_{network}"][held],
            arrays["gallery_labels"][held] == 0,
        )
        assert row[training]["unseen"]["map"][0] == pytest.approx(expected, abs=1e-4)


def test_every_network_is_trained_with_what_its_name_says(small_collection: Dataset, tmp_path: Path) -> None:
    seen: list[str] = []
    result, arrays = run_transfer(0, tmp_path / "runs", None, lambda name, row: seen.append(name))
    assert seen == list(TRAINED)
    assert {key for key in arrays if key.startswith("query_")} == {
        f"query_{name}" for name in ("labels", "sources", *NETWORKS)
    }
    assert [(row["publisher"], row["positives"], row["negatives"]) for row in result["left_out"]] == [
        ("cxnet", 2, 8),
        ("talo", 2, 8),
    ]
    assert result["provenance"]["unguarded"]["frame_margin"] == UNGUARDED["unguarded"]["frame_margin"]
    assert {name: result[name] for name in ("inside", "left_out")} == report_transfer(arrays)


def test_what_the_guards_cost_is_measured_on_the_whole_split() -> None:
    draw = np.random.default_rng(0)
    arrays = side("query", 30, draw) | side("gallery", 60, draw)
    inside = report_transfer(arrays)["inside"]
    assert set(inside) == {"MATDH", "MATDH black", "unguarded", "unguarded black"}
    for network, row in inside.items():
        codes, labels = ([arrays[f"{name}_{what}"] for name in ("query", "gallery")] for what in (network, "labels"))
        expected = mean_average_precision(codes[0], labels[0], codes[1], labels[1])
        assert row["three_class"]["map"][0] == pytest.approx(expected, abs=1e-4)


def test_without_guards_views_keep_everything_a_hospital_leaves_on_a_picture() -> None:
    guarded, unguarded = (configuration("matdh", "ablation", 0, None, name) for name in ("MATDH", "unguarded"))
    assert unguarded.frame_margin > guarded.frame_margin == PRESETS["covidx"].frame_margin
    for epoch in (0, unguarded.epochs - 1):
        views = unguarded.views_at(epoch)[0]
        assert (views.spectrum, views.erase, views.degrade, views.expose) == (0, 0, 0, 0)
        assert guarded.views_at(epoch)[0].expose == 1


def test_black_lungs_leave_the_rest_of_a_frame_as_it_was() -> None:
    names = np.array(["a"])
    pictures = FramedPictures(
        np.full((1, 60, 60), 200, np.uint8), 0.12, np.zeros(1, int), names, names, names, names, ("a",)
    )
    black = blackened(pictures).pixels[0]
    assert black[30, 15] == 0
    assert black[0, 0] == black[-1, -1] == 200


def test_a_network_that_knows_a_class_finds_all_of_it() -> None:
    draw = np.random.default_rng(0)
    arrays = side("query", 30, draw) | side("gallery", 60, draw)
    for name in ("query", "gallery"):
        arrays[f"{name}_MATDH black"] = np.zeros((len(arrays[f"{name}_labels"]), 6), np.uint8)
        arrays[f"{name}_MATDH"] = np.repeat(np.where(arrays[f"{name}_labels"] == 0, 255, 0)[:, None], 6, 1).astype("u1")
    assert report_transfer(arrays)["left_out"][0]["guarded"]["seen"] == {
        "map": [1, 1, 1],
        "auc": [1, 1, 1],
        "auc_black": [0.5, 0.5, 0.5],
        "sensitivity": [1, 1, 1],
        "specificity": [1, 1, 1],
    }


@pytest.mark.skipif(not (RESULTS / "transfer.json").exists(), reason="not measured yet: python -m engine transfer")
def test_the_shipped_figures_follow_from_the_shipped_codes() -> None:
    stored = json.loads((RESULTS / "transfer.json").read_text())
    found = report_transfer(np.load(RESULTS / "transfer.npz", allow_pickle=False))
    assert found == {name: stored[name] for name in ("inside", "left_out")}
