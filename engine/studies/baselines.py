"""Paper A's Tables 2 and 3 in one ring: every method under one budget, shipped, and measured on the same split."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import machine, provenance
from engine.datasets import PAPER, Dataset, load_dataset
from engine.hashing.methods import METHODS
from engine.studies.baseline_figures import BASELINES, BITS, OURS, Inputs, baseline_arrays, cost, report_baseline
from engine.studies.protocol import protocol
from engine.training.config import PRESETS, RATES
from engine.training.run import Run, train_method
from engine.training.shipping import ship

BUDGET = "baselines"


def train_baselines(
    seed: int, runs: Path, report: Callable[[str, dict[str, float]], None], folder: Path | None = None
) -> dict[str, dict[str, float]]:
    """Train every method at every learning rate and ship the one that retrieves best on the validation split.

    Args:
        seed: Seed of all runs.
        runs: Folder of runs; stopped ones go on, finished ones are read.
        report: Called with the run's name and each epoch's figures.
        folder: Where the weights and their cards go; ``models/weights`` when None.

    Returns:
        For every method the validation score at each rate.
    """
    scores = {}
    for method in BASELINES:
        tried = {rate: _train(method, rate, seed, runs, report) for rate in RATES}
        scores[method] = {rate: run.best_score for rate, run in tried.items()}
        ship(max(tried.values(), key=lambda run: run.best_score), folder)
    return scores


def _train(method: str, rate: str, seed: int, runs: Path, report: Callable[[str, dict[str, float]], None]) -> Run:
    return train_method(method, BUDGET, seed, runs, None, partial(report, f"{method}, {rate}"), rate)


def measure_baselines(
    dataset: Dataset, scores: dict[str, dict[str, float]], progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure every shipped method from pictures.

    Args:
        dataset: A collection with ``train`` and ``test`` splits.
        scores: From :func:`train_baselines`.
        progress: Called with (pictures done, pictures in all), once for each way of preparing pictures.

    Returns:
        The result file's data and the code file's arrays.
    """
    queries, gallery = dataset.subset("test"), dataset.subset("train")
    asked, held = Inputs(queries, progress), Inputs(gallery, progress)
    arrays = {"query_labels": queries.labels, "gallery_labels": gallery.labels, "classes": np.array(dataset.classes)}
    for method in BASELINES:
        arrays |= baseline_arrays(method, asked, held)
    rows = {method: _row(method, scores[method], asked, arrays, dataset.classes) for method in BASELINES}
    preset = PRESETS[BUDGET]
    result = {
        "protocol": {
            **protocol(queries, gallery),
            "bits": BITS,
            "ours": OURS,
            "budget": f"{preset.epochs} epochs at {preset.side} pixels, one seed, no teacher; of the learning rates "
            f"{' and '.join(str(change['learning_rate']) for change in RATES.values())} the better on validation",
            "tests": "MATDH's average precision minus the baseline's, paired over queries: bootstrap and Student's t",
        },
        "provenance": provenance(dataset, preset=preset.as_dict(), machine=f"{machine()}, {torch_threads()} thread"),
        "methods": rows,
    }
    return result, arrays


def _row(
    method: str, scores: dict[str, float], inputs: Inputs, arrays: dict[str, np.ndarray], classes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "title": METHODS[method].title,
        "paper": METHODS[method].paper,
        "network": METHODS[method].scaled,
        "validation_scores": scores,
        "cost": cost(method, inputs),
        **report_baseline(arrays, method, classes),
    }


def torch_threads() -> int:
    """Return how many threads encode; the encoding time depends on it."""
    import torch

    return torch.get_num_threads()


def run_baselines(
    seed: int,
    runs: Path,
    report: Callable[[str, dict[str, float]], None],
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train, ship and measure every method; see :func:`train_baselines` and :func:`measure_baselines`."""
    scores = train_baselines(seed, runs, report)
    return measure_baselines(load_dataset(PAPER.collection), scores, progress)
