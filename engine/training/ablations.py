"""Paper A's ablations (section 4.5, Table 4 and Fig. 11): every variant under one budget, on the same split."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets import Dataset, load_dataset
from engine.evaluation import average_precision, paired_bootstrap
from engine.evaluation.hashing_report import DECIMALS, report_tasks
from engine.hashing.evaluate import commit, protocol
from engine.training.config import ABLATIONS, PRESETS
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.run import COLLECTION, Run, train_method, training_device

BITS = 48
BUDGET = "ablation"
WHOLE = "MATDH"
FIGURES = ("map", "p_at_1", "p_at_5", "p_at_10", "precision_within_2", "empty_balls", "accuracy")

Arrays = Mapping[str, npt.NDArray[Any]]


def run_ablations(
    seed: int, runs: Path, epochs: int | None, report: Callable[[str, dict[str, float]], None]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Train every variant of paper A's ablations and measure it on the test split; stopped runs go on.

    Args:
        seed: Seed of all variants.
        runs: Folder of runs.
        epochs: Instead of the budget's.
        report: Called with the variant's name and each epoch's figures.

    Returns:
        The result file's data and the code file's arrays.

    Raises:
        DataError: The pictures are not on this machine.
    """
    dataset = load_dataset(COLLECTION)
    parts, arrays = asked_and_held(dataset)
    trained: dict[str, Run] = {}
    for name in ABLATIONS:
        run = trained[name] = train_method("matdh", BUDGET, seed, runs, epochs, partial(report, name), name)
        arrays |= {f"{side}_{name}": codes_of(run, part)[BITS] for side, part in parts.items()}
    result = {
        "protocol": protocol(*parts.values()) | {"bits": BITS, "budget": budget_of(trained[WHOLE])},
        "provenance": provenance_of(trained[WHOLE]),
        "validation_scores": {name: run.best_score for name, run in trained.items()},
        "variants": report_ablations(arrays, tuple(ABLATIONS), dataset.classes),
    }
    return result, arrays


def asked_and_held(dataset: Dataset) -> tuple[dict[str, Dataset], dict[str, npt.NDArray[Any]]]:
    """Return who asks (``"query"``) and who answers (``"gallery"``), and the arrays a code file begins with."""
    parts = {"query": dataset.subset("test"), "gallery": dataset.subset("train")}
    labels = {f"{side}_labels": part.labels for side, part in parts.items()}
    return parts, {**labels, "classes": np.array(dataset.classes)}


def budget_of(whole: Run) -> str:
    """Say how long all networks of a study were trained, of which ``whole`` is one."""
    return f"{whole.config.epochs} epochs at {whole.config.side} pixels, one seed"


def provenance_of(whole: Run) -> dict[str, Any]:
    """Return what a study under the small budget depends on, ``whole`` being its network with everything."""
    preset = {**PRESETS[BUDGET].as_dict(), "epochs": whole.config.epochs}
    return {"seed": whole.config.seed, "preset": preset, "data_sha256": whole.data_sha256, "commit": commit()}


def report_ablations(
    arrays: Arrays, names: Sequence[str], classes: Sequence[str], whole: str = WHOLE
) -> dict[str, dict[str, Any]]:
    """Report every variant from stored codes.

    Args:
        arrays: ``query_labels``, ``gallery_labels``, and ``query_<name>``, ``gallery_<name>`` packed codes.
        names: The variants.
        classes: Class names, the positive one first.
        whole: The variant that the others are compared with.

    Returns:
        For each variant the figures of both tasks; ``against_whole`` is its mAP minus the whole's, paired over queries.
    """
    labels = arrays["query_labels"], arrays["gallery_labels"]
    rows = {}
    for name in names:
        tasks = report_tasks(arrays[f"query_{name}"], labels[0], arrays[f"gallery_{name}"], labels[1], classes)
        rows[name] = {task: {figure: values[figure] for figure in FIGURES} for task, values in tasks.items()}
        rows[name]["binary"]["against_whole"] = _against(whole, arrays, name, labels[0] != 0, labels[1] != 0)
        rows[name]["three_class"]["against_whole"] = _against(whole, arrays, name, *labels)
    return rows


def _against(
    whole: str, arrays: Arrays, name: str, query_labels: npt.NDArray[Any], gallery_labels: npt.NDArray[Any]
) -> list[float]:
    reference, variant = (
        average_precision(arrays[f"query_{codes}"], query_labels, arrays[f"gallery_{codes}"], gallery_labels)
        for codes in (whole, name)
    )
    return [round(end, DECIMALS) for end in paired_bootstrap(reference, variant)[:3]]


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
