"""Result files as the engine writes them, from made-up codes: for pages that show measured figures."""

import json
import shutil
from pathlib import Path

import numpy as np

from engine.artifacts import save_result
from engine.datasets import manifest_hash
from engine.evaluation.controls import report_controls
from engine.studies.ablations import map_by_seed, report_ablations
from engine.studies.baseline_figures import OURS, report_baseline
from engine.studies.novelty import EXPECTED, STRANGE, report_alarms
from engine.studies.protocol import METRIC_POLICY
from engine.studies.recipes import RECIPES, SEEDS, SHIPPED, report_recipes
from engine.studies.retrieval import evaluate_codes
from engine.training.config import ABLATIONS

CLASSES = ("covid-19", "normal", "pneumonia")
LENGTHS = (16, 24, 32, 48, 64)
TRAINED_ON = "5" * 64
PAPERS = Path(__file__).parents[2] / "models" / "results"


def write_results(root: Path, queries: int = 40, gallery: int = 90) -> Path:
    """Write ``results`` and ``weights`` below ``root``; return the folder of results."""
    folder, draw = root / "results", np.random.default_rng(0)
    folder.mkdir(parents=True)
    for paper in ("paper_a", "paper_b"):
        shutil.copy(PAPERS / f"{paper}.json", folder)
    arrays: dict[str, np.ndarray] = {"classes": np.array(CLASSES)}
    for side, count in (("query", queries), ("gallery", gallery)):
        arrays |= _side(side, count, draw)
    result = {
        "method": "matdh",
        "protocol": {
            "dataset": "covidx-open",
            "queries": "test split",
            "query_count": queries,
            "gallery": "train split",
            "gallery_count": gallery,
            "metric": METRIC_POLICY,
            "interval": "95 % bootstrap",
        },
        "provenance": {"data_sha256": manifest_hash("covidx-open"), "training": {"data_sha256": TRAINED_ON}},
        "bits": evaluate_codes(arrays, LENGTHS, CLASSES),
        "controls": {
            **report_controls(arrays, CLASSES),
            "split_audit": {
                "pictures": queries + gallery,
                "threshold": 0.98,
                "groups": [],
                "copies": [],
                "near_copies": [],
                "closest": 0.91,
            },
        },
    }
    save_result("matdh", result, arrays, folder)
    codes = {f"{side}_{name}": arrays[f"{side}_48"] for side in ("query", "gallery") for name in ABLATIONS}
    labels = {f"{side}_labels": arrays[f"{side}_labels"] for side in ("query", "gallery")}
    ablations = {
        "protocol": {"query_count": queries, "bits": 48, "budget": "15 epochs at 96 pixels, one seed"},
        "variants": report_ablations(codes | labels, tuple(ABLATIONS), CLASSES),
        "map_by_seed": map_by_seed(codes | labels, tuple(ABLATIONS), CLASSES),
    }
    save_result("ablations", ablations, codes | labels, folder)
    save_result("baselines", _baselines(arrays, draw), {}, folder)
    save_result("recipes", _recipes(arrays), {}, folder)
    frames = {
        "protocol": dict.fromkeys(("inside", "across", "probe", "side", "interval"), "as made up"),
        "margins": {"0.04": {"inside": [0.9, 0.8, 1.0], "cxnet": [0.7, 0.6, 0.8], "talo": [0.75, 0.7, 0.8]}},
    }
    save_result("frames", frames, {}, folder)
    saw = {
        "map": [0.9, 0.8, 1.0],
        "sensitivity": [0.7, 0.6, 0.8],
        "specificity": [0.95, 0.9, 1.0],
        "auc": [0.85, 0.8, 0.9],
        "auc_black": [0.6, 0.5, 0.7],
    }
    transfer = {
        "protocol": dict.fromkeys(
            ("query_count", "left_out_queries", "left_out_gallery", "vote", "bits", "budget", "interval"), "as made up"
        ),
        "inside": {
            name: ablations["variants"]["MATDH"] for name in ("MATDH", "MATDH black", "unguarded", "unguarded black")
        },
        "left_out": [
            {
                "publisher": "cxnet",
                "positives": 5,
                "negatives": 20,
                "guarded": {"seen": saw, "unseen": saw},
                "unguarded": {"seen": saw, "unseen": saw},
            }
        ],
    }
    save_result("transfer", transfer, {}, folder)
    scores = {f"scores_{name}": draw.random(20) + (name in STRANGE) for name in (*EXPECTED, *STRANGE)}
    words = dict.fromkeys(("threshold", "score", "reference", "groups"), "as made up")
    save_result("novelty", {"protocol": words, **report_alarms(scores)}, scores, folder)
    (root / "weights").mkdir()
    history = [
        {"epoch": n, "val_map_binary": 1 - 1 / n, "val_map_three": 0.9 - 1 / n, "val_score": 0.95 - 1 / n}
        for n in range(2, 9)
    ]
    training = {"preset": "cpu", "seed": 0, "epochs_run": 8, "machine": "a machine"}
    (root / "weights" / "matdh.json").write_text(json.dumps({"history": history, "training": training}))
    return folder


def _recipes(arrays: dict[str, np.ndarray]) -> dict[str, object]:
    codes = {
        f"{side}_{name}_{bits}": arrays[f"{side}_{bits}"]
        for side in ("query", "gallery")
        for name in RECIPES
        for bits in LENGTHS
    }
    labels = {f"{side}_labels": arrays[f"{side}_labels"] for side in ("query", "gallery")}
    run = {
        "config": {"learning_rate": 0.001, "side": 128},
        "epochs_run": 30,
        "validation_score": 0.9,
        "teacher": "somebody",
        "machine": "a machine",
        "data_sha256": TRAINED_ON,
    }
    return {
        "protocol": {"query_count": 40, "gallery_count": 90, "bits": 48, "interval": "95 % bootstrap"},
        "shipped": SHIPPED,
        "seeds": SEEDS,
        "runs": {name: {"title": recipe.title, "preset": recipe.preset, **run} for name, recipe in RECIPES.items()},
        "recipes": report_recipes(codes | labels, tuple(RECIPES), CLASSES),
    }


def _baselines(arrays: dict[str, np.ndarray], draw: np.random.Generator) -> dict:
    """MATDH, a baseline whose codes are noisier, and X-MIR."""
    stored = {name: arrays[name] for name in ("query_labels", "gallery_labels")}
    for side in ("query", "gallery"):
        stored[f"{side}_xmir_features"] = arrays[f"{side}_features"]
        for bits in LENGTHS:
            codes = stored[f"{side}_{OURS}_{bits}"] = arrays[f"{side}_{bits}"]
            stored[f"{side}_dpn_{bits}"] = codes ^ np.packbits(draw.random((len(codes), bits)) < 0.3, axis=1)
    budget = {"budget": "20 epochs at 96 pixels", "tests": "As made up", "bits": 48, "ours": OURS}
    facts = {"network": "a network", "cost": {"bytes": 5_600_000, "encode_ms": 1.5}}
    names = {OURS: ("MATDH, half width", "MATDH"), "dpn": ("DPN", "DPN"), "xmir": ("X-MIR", "X-MIR")}
    return {
        "protocol": {"dataset": "covidx-open", "query_count": len(arrays["query_labels"]), **budget},
        "provenance": {"machine": "a machine"},
        "methods": {
            key: {"title": title, "paper": paper, **facts, **report_baseline(stored, key, CLASSES)}
            for key, (title, paper) in names.items()
        },
    }


def _side(side: str, count: int, draw: np.random.Generator) -> dict[str, np.ndarray]:
    labels = np.arange(count) % 4 // 2 * (1 + np.arange(count) % 2)
    words = np.random.default_rng(7).integers(0, 256, (3, 8)).astype(np.uint8)
    arrays = {
        f"{side}_labels": labels,
        f"{side}_sources": np.where((labels == 0) & (draw.random(count) > 0.1), "cxnet", "talo"),
        f"{side}_features": (np.eye(3)[labels] + draw.normal(0, 0.4, (count, 3))).astype(np.float16),
        f"{side}_black_48": draw.integers(0, 256, (count, 6)).astype(np.uint8),
    }
    for bits in LENGTHS:
        flips = np.packbits(draw.random((count, bits)) < 0.1, axis=1)
        arrays[f"{side}_{bits}"] = words[labels, : bits // 8] ^ flips
    return arrays
