import json
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import RESULTS, WEIGHTS
from engine.datasets import DataError, Dataset
from engine.evaluation import mean_average_precision
from engine.studies import recipes
from engine.studies.recipes import RECIPES, SEEDS, SHIPPED, Recipe, report_recipes
from engine.training.config import PRESETS
from engine.training.run import configuration


def test_every_recipe_is_a_configuration() -> None:
    configs = [configuration("matdh", r.preset, r.seed, ablation=r.variant) for r in RECIPES.values()]
    assert [config.seed for config in configs] == [0, 1, 2, 0, 0, 0]
    assert configs[3].experts is None
    assert configs[4:] == [PRESETS["covidx"], PRESETS["paper"]]


def test_every_recipe_is_trained_measured_and_read_back(
    small_collection: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "RECIPES", {name: Recipe(name, "ablation", seed) for seed, name in enumerate(SEEDS)})
    seen: list[str] = []
    result, arrays = recipes.run_recipes(tmp_path, lambda name, row: seen.append(name))
    assert seen == list(SEEDS)
    assert [result["runs"][name]["seed"] for name in SEEDS] == [0, 1, 2]
    assert arrays[f"query_{SHIPPED}_64"].shape == (12, 8)
    assert result["recipes"] == report_recipes(arrays, SEEDS, small_collection.classes)
    assert result["recipes"][SHIPPED]["binary"]["against_whole"] == [0, 0, 0]
    recipes.run_recipes(tmp_path, lambda name, row: seen.append(name))
    assert len(seen) == len(SEEDS), "a finished run is not trained again"


def test_one_recipe_is_measured_anew_and_the_others_stay(
    small_collection: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "RECIPES", {name: Recipe(name, "ablation", seed) for seed, name in enumerate(SEEDS)})
    earlier = recipes.run_recipes(tmp_path / "first", lambda name, row: None)
    changed = {key: np.zeros_like(value) if "seed-2" in key else value for key, value in earlier[1].items()}
    seen: list[str] = []
    result, arrays = recipes.run_recipes(
        tmp_path / "second", lambda name, row: seen.append(name), ("seed-2",), (earlier[0], changed)
    )
    assert seen == ["seed-2"]
    assert {key: value.tolist() for key, value in arrays.items()} == {k: v.tolist() for k, v in earlier[1].items()}
    assert result == earlier[0]


def test_recipes_of_other_pictures_are_not_mixed(small_collection: Dataset, tmp_path: Path) -> None:
    stored = {"runs": {"seed-0": {"data_sha256": "0" * 64}}}
    with pytest.raises(DataError, match="other pictures"):
        recipes.run_recipes(tmp_path, lambda name, row: None, ("cpu",), (stored, {}))


def test_an_unknown_recipe_is_named(small_collection: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recipe 'cpux': choose from seed-0, .*cpu"):
        recipes.run_recipes(tmp_path, lambda name, row: None, ("cpux",))


def test_the_stored_figures_follow_from_the_stored_codes() -> None:
    stored = json.loads((RESULTS / "recipes.json").read_text())
    with np.load(RESULTS / "recipes.npz", allow_pickle=False) as arrays:
        codes = dict(arrays)
    assert report_recipes(codes, tuple(RECIPES), tuple(map(str, codes["classes"]))) == stored["recipes"]
    for name in RECIPES:
        for bits in ("16", "64"):
            expected = mean_average_precision(
                codes[f"query_{name}_{bits}"],
                codes["query_labels"] == 0,
                codes[f"gallery_{name}_{bits}"],
                codes["gallery_labels"] == 0,
            )
            assert stored["recipes"][name]["binary"]["by_length"][bits] == pytest.approx(expected, abs=1e-6)


def test_the_encoder_goes_on_from_the_seed_that_is_best_on_the_validation_split() -> None:
    runs = json.loads((RESULTS / "recipes.json").read_text())["runs"]
    assert max(SEEDS, key=lambda name: runs[name]["validation_score"]) == SHIPPED
    start = json.loads((WEIGHTS / "matdh.json").read_text())["training"]["config"]["start"]
    training = json.loads((WEIGHTS / f"{start}.json").read_text())["training"]
    assert (training["preset"], training["seed"]) == (RECIPES[SHIPPED].preset, RECIPES[SHIPPED].seed)
    assert training["best_validation_score"] == runs[SHIPPED]["validation_score"]
