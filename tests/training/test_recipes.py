import json

import numpy as np
import pytest

from engine.evaluation import mean_average_precision
from engine.hashing.evaluate import RESULTS
from engine.hashing.hasher import WEIGHTS
from engine.training.config import PRESETS
from engine.training.recipes import RECIPES, SEEDS, SHIPPED, report_recipes
from engine.training.run import configuration


def test_every_recipe_is_a_configuration() -> None:
    configs = [configuration("matdh", r.preset, r.seed, ablation=r.variant) for r in RECIPES.values()]
    assert [config.seed for config in configs] == [0, 1, 2, 0, 0, 0]
    assert configs[3].experts is None
    assert configs[4:] == [PRESETS["cpu"], PRESETS["paper"]]


def test_the_stored_figures_follow_from_the_stored_codes() -> None:
    stored = json.loads((RESULTS / "recipes.json").read_text())
    with np.load(RESULTS / "recipes_codes.npz", allow_pickle=False) as arrays:
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


def test_the_shipped_seed_is_the_best_on_the_validation_split() -> None:
    runs = json.loads((RESULTS / "recipes.json").read_text())["runs"]
    assert max(SEEDS, key=lambda name: runs[name]["validation_score"]) == SHIPPED
    training = json.loads((WEIGHTS / "matdh.json").read_text())["training"]
    assert (training["preset"], training["seed"]) == (RECIPES[SHIPPED].preset, RECIPES[SHIPPED].seed)
    assert training["best_validation_score"] == runs[SHIPPED]["validation_score"]
