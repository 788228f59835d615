"""From pictures to shipped weights: prepare the data, train, write the encoder and its card."""

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.datasets import data_hash, data_root, load_dataset
from engine.hashing.evaluate import commit
from engine.hashing.hasher import WEIGHTS
from engine.training.config import PRESETS, VARIANTS, TrainingConfig
from engine.training.methods import METHODS
from engine.training.pictures import CACHE, FramedPictures, framed_pictures, simulated_pictures
from engine.training.teacher import Teacher, reduce_maps, teacher_maps

_log = logging.getLogger(__name__)
COLLECTION = "covidx-open"
TEACHER_FILE = "vgg16_imagenet_features.safetensors"


@dataclass(frozen=True)
class Run:
    """A finished training run.

    Attributes:
        method: What was trained.
        preset: Under which preset's name.
        config: How.
        weights: The best weights, float32 safetensors.
        history: One row of figures per epoch.
        best_score: Validation score of ``weights``.
        data_sha256: Hash of the collection.
        taught: Whether the ImageNet teacher was at hand.
    """

    method: str
    preset: str
    config: TrainingConfig
    weights: Path
    history: list[dict[str, float]]
    best_score: float
    data_sha256: str
    taught: bool


def train_method(
    method: str,
    preset: str,
    seed: int,
    runs: Path,
    epochs: int | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    ablation: str | None = None,
) -> Run:
    """Train on COVIDx-open's training split, select on its validation split; a stopped run goes on.

    Args:
        method: Name in ``engine.training.methods.METHODS``.
        preset: Name in ``PRESETS``.
        seed: Seed of weights, batches and views.
        runs: Folder of runs; this one lives in ``<method>-<preset>-<seed>``, an ablation in ``...-<ablation>``.
        epochs: Instead of the preset's.
        report: Called with each epoch's figures.
        ablation: Name in ``VARIANTS``, what to change in the preset; None for nothing.

    Returns:
        The run.

    Raises:
        DataError: The pictures are not on this machine.
    """
    from engine.training.trainer import Trainer

    config = configuration(method, preset, seed, epochs, ablation)
    dataset = load_dataset(COLLECTION)
    train = framed_pictures(dataset.subset("train"), config.side)
    validation = framed_pictures(dataset.subset("val"), config.side)
    extra = simulated_pictures(config.simulated, config.side, dataset.classes) if config.simulated else None
    known = train.joined(extra) if extra else train
    teacher = imagenet_teacher(known, len(train), data_hash(dataset)) if config.taught else None
    if teacher is not None:
        teacher = teacher.kept(left_in(known, config))
    folder = runs / run_name(method, preset, seed, ablation)
    trainer = Trainer(config, train.kept(left_in(train, config)), validation, teacher, folder, extra)
    history = trainer.run(report)
    weights = trainer.folder / "best.safetensors"
    return Run(
        method, preset, config, weights, history, trainer.best_score, data_hash(dataset), taught=teacher is not None
    )


def configuration(
    method: str, preset: str, seed: int, epochs: int | None = None, ablation: str | None = None
) -> TrainingConfig:
    """Return a preset with what the method changes in it, and the variant in both.

    Example:
        >>> configuration("dpn", "rivals", 0).encoder, configuration("matdh", "ablation", 0, 2, "CA").attentions
        ('resnet18', ('channel',))
    """
    config = replace(PRESETS[preset], **METHODS[method].changes, seed=seed, epochs=epochs or PRESETS[preset].epochs)
    return config if ablation is None else replace(config, **VARIANTS[ablation])


def left_in(pictures: FramedPictures, config: TrainingConfig) -> np.ndarray:
    """Mark the pictures that are trained on: ``(N,)`` bool, all but one publisher's positives."""
    return ~((pictures.labels == 0) & (pictures.sources == config.without_positives))


def run_name(method: str, preset: str, seed: int, ablation: str | None = None) -> str:
    """Return the name of a run's folder.

    Example:
        >>> run_name("matdh", "cpu", 0), run_name("matdh", "ablation", 1, "CA")
        ('matdh-cpu-0', 'matdh-ablation-1-CA')
    """
    return "-".join([method, preset, str(seed), *([ablation] if ablation else [])])


def imagenet_file() -> Path:
    """Return where VGG-16's ImageNet base belongs: ``CXR_VAULT_PRETRAINED``, else ``pretrained`` beside the data.

    The file may be missing.
    """
    folder = os.environ.get("CXR_VAULT_PRETRAINED") or data_root().parent / "pretrained"
    return Path(folder) / TEACHER_FILE


def imagenet_teacher(pictures: FramedPictures, fit: int, data_sha256: str) -> Teacher | None:
    """Return what VGG-16's ImageNet base sees on the training pictures, or None where its file is missing.

    What varies is judged by the first ``fit`` pictures.
    """
    weights = imagenet_file()
    if not weights.exists():
        _log.warning("no %s: training without a teacher, which costs accuracy", weights)
        return None
    cache = CACHE / f"teacher-{data_sha256[:16]}-{len(pictures)}-{pictures.pixels.shape[1]}.npy"
    return reduce_maps(teacher_maps(pictures.pixels, weights, cache), pictures.labels, pictures.groups, fit)


def ship(run: Run, folder: Path = WEIGHTS) -> Path:
    """Write a run's best weights as fp16, with a card that says what, from which data, how and by whom.

    Args:
        run: The run.
        folder: Where to.

    Returns:
        The weights' path.
    """
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    best = load_file(run.weights)
    state = {name: value.half() if value.is_floating_point() else value for name, value in best.items()}
    path = folder / f"{run.method}.safetensors"
    seen = {"side": str(run.config.side), "encoder": run.config.encoder, "enhanced": str(run.config.enhanced)}
    save_file(state, path, {"method": run.method, **seen})
    method = METHODS[run.method]
    card = {
        "what": f"{method.title} with {method.ends_in}; what only training needs left out; fp16",
        "network": method.scaled,
        "file_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        "data": "COVIDx-open, training split; validation split for selection",
        "training": {
            "preset": run.preset,
            "seed": run.config.seed,
            "config": run.config.as_dict(),
            "epochs_run": len(run.history),
            "best_validation_score": run.best_score,
            "data_sha256": run.data_sha256,
            "teacher": "ImageNet VGG-16 base (CC BY 4.0), distilled" if run.taught else None,
            "commit": commit(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        },
        "history": run.history,
    }
    (folder / f"{run.method}.json").write_text(json.dumps(card, indent=1) + "\n")
    return path
