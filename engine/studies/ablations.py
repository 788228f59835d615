"""Paper A's ablations (section 4.5, Table 4 and Fig. 11): every variant under one budget, on the same split."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import commit
from engine.datasets import PAPER, Dataset, load_dataset
from engine.evaluation import neighbour_vote, paired_bootstrap
from engine.evaluation.bootstrap import DECIMALS
from engine.evaluation.hashing_report import NEIGHBOURS, query_figures, summary
from engine.studies.protocol import protocol
from engine.training.config import ABLATIONS, PRESETS
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.run import Run, train_method, training_device

BITS = 48
BUDGET = "ablation"
WHOLE = "MATDH"

Arrays = Mapping[str, npt.NDArray[Any]]


def run_ablations(
    seeds: Sequence[int], runs: Path, epochs: int | None, report: Callable[[str, dict[str, float]], None]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Train every variant of paper A's ablations and measure it on the test split; stopped runs go on.

    Args:
        seeds: Each variant is trained once with each of them.
        runs: Folder of runs.
        epochs: Instead of the budget's.
        report: Called with the variant's name and each epoch's figures.

    Returns:
        The result file's data and the code file's arrays.

    Raises:
        DataError: The pictures are not on this machine.
    """
    dataset = load_dataset(PAPER.collection)
    parts, arrays = asked_and_held(dataset)
    trained: dict[str, list[Run]] = {name: [] for name in ABLATIONS}
    for seed, name in product(seeds, ABLATIONS):
        told = partial(report, f"{name}, seed {seed}")
        trained[name].append(train_method("matdh", BUDGET, seed, runs, epochs, told, name))
    for name, (side, part) in product(ABLATIONS, parts.items()):
        arrays[f"{side}_{name}"] = np.stack([codes_of(run, part)[BITS] for run in trained[name]])
    whole = trained[WHOLE][0]
    result = {
        "protocol": protocol(*parts.values()) | {"bits": BITS, "budget": budget_of(whole, len(seeds))},
        "provenance": provenance_of(whole) | {"seed": list(seeds)},
        "validation_scores": {name: [run.best_score for run in repeats] for name, repeats in trained.items()},
        "variants": report_ablations(arrays, tuple(ABLATIONS), dataset.classes),
        "map_by_seed": map_by_seed(arrays, tuple(ABLATIONS), dataset.classes),
    }
    return result, arrays


def asked_and_held(dataset: Dataset) -> tuple[dict[str, Dataset], dict[str, npt.NDArray[Any]]]:
    """Return who asks (``"query"``) and who answers (``"gallery"``), and the arrays a code file begins with."""
    parts = {"query": dataset.subset("test"), "gallery": dataset.subset("train")}
    labels = {f"{side}_labels": part.labels for side, part in parts.items()}
    return parts, {**labels, "classes": np.array(dataset.classes)}


def budget_of(whole: Run, seeds: int = 1) -> str:
    """Say how long all networks of a study were trained, of which ``whole`` is one, and how often each."""
    times = "one seed" if seeds == 1 else f"the mean of {seeds} seeds"
    return f"{whole.config.epochs} epochs at {whole.config.side} pixels, {times}"


def provenance_of(whole: Run) -> dict[str, Any]:
    """Return what a study under the small budget depends on, ``whole`` being its network with everything."""
    preset = {**PRESETS[BUDGET].as_dict(), "epochs": whole.config.epochs}
    return {"seed": whole.config.seed, "preset": preset, "data_sha256": whole.data_sha256, "commit": commit()}


def report_ablations(
    arrays: Arrays, names: Sequence[str], classes: Sequence[str], whole: str = WHOLE
) -> dict[str, dict[str, Any]]:
    """Report every variant from stored codes.

    Args:
        arrays: ``query_labels``, ``gallery_labels``, and ``query_<name>``, ``gallery_<name>`` packed codes, of one
            training ``(N, B)`` or of several ``(S, N, B)``.
        names: The variants.
        classes: Class names, the positive one first.
        whole: The variant that the others are compared with.

    Returns:
        For each variant the figures of both tasks, each query's averaged over its trainings first; ``against_whole``
        is its mAP minus the whole's, paired over queries.
    """
    rows: dict[str, dict[str, Any]] = {name: {} for name in names}
    for task, count in (("binary", 2), ("three_class", len(classes))):
        scored = {name: _averaged(_trainings(arrays, name, task, count)) for name in {*names, whole}}
        for name in names:
            difference = paired_bootstrap(scored[whole]["map"], scored[name]["map"])[:3]
            against = [round(end, DECIMALS) for end in difference]
            rows[name][task] = summary(scored[name]) | {"against_whole": against}
    return rows


def map_by_seed(arrays: Arrays, names: Sequence[str], classes: Sequence[str]) -> dict[str, dict[str, list[float]]]:
    """Return, for each variant and task, the mAP of each training; the arguments are :func:`report_ablations`'s."""
    return {
        name: {
            task: [round(float(scores["map"].mean()), DECIMALS) for scores in _trainings(arrays, name, task, count)]
            for task, count in (("binary", 2), ("three_class", len(classes)))
        }
        for name in names
    }


def _trainings(arrays: Arrays, name: str, task: str, classes: int) -> list[dict[str, npt.NDArray[np.float64]]]:
    """Return what every query scores in each training of a variant (``hashing_report.query_figures``)."""
    asked, held = (arrays[f"{side}_labels"] for side in ("query", "gallery"))
    if task == "binary":
        asked, held = (~PAPER.is_positive(asked) * 1, ~PAPER.is_positive(held) * 1)
    codes = (arrays[f"{side}_{name}"] for side in ("query", "gallery"))
    scores = []
    for queries, gallery in zip(*(one.reshape(-1, *one.shape[-2:]) for one in codes), strict=True):
        voted = neighbour_vote(queries, gallery, held, k=NEIGHBOURS, classes=range(classes))
        scores.append(query_figures(queries, asked, gallery, held, voted))
    return scores


def _averaged(scores: Sequence[Mapping[str, npt.NDArray[np.float64]]]) -> dict[str, npt.NDArray[np.float64]]:
    return {figure: np.mean([training[figure] for training in scores], axis=0) for figure in scores[0]}


def codes_of(
    run: Run, dataset: Dataset, change: Callable[[FramedPictures], FramedPictures] | None = None
) -> dict[int, npt.NDArray[np.uint8]]:
    """Hash a dataset with a run's best weights at every length; nothing is random.

    Args:
        run: Whose weights.
        dataset: What to hash.
        change: What is done to the framed pictures first; None for nothing.
    """
    from safetensors.torch import load_file

    from engine.hashing.codes import pack_bits
    from engine.training.trainer import framed_outputs
    from models.hashing import build_network

    network = build_network(run.config.encoder, run.config.attentions)
    network.load_state_dict(load_file(run.weights))
    pictures = framed_pictures(dataset, run.config.side, run.config.frame_margin)
    if change is not None:
        pictures = change(pictures)
    outputs = framed_outputs(network.eval().to(training_device()), pictures, run.config)[1]
    return {bits: pack_bits(output >= 0) for bits, output in outputs.items()}
