"""A training run from pictures to weights: prepare the data, find a teacher, train, go on where it stopped."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.artifacts import commit, machine, weights_path
from engine.datasets import DataError, Dataset, data_hash, data_root, load_dataset
from engine.datasets.tasks import find_task
from engine.files import write_json
from engine.hashing.frames import CACHE
from engine.hashing.methods import METHODS
from engine.training.config import PRESETS, RATES, ExpertConfig, TrainingConfig, changes_of
from engine.training.pictures import FramedPictures, framed_pictures, simulated_pictures
from engine.training.teacher import StoredTeacher, Teacher, reduce_maps, teacher_maps

if TYPE_CHECKING:
    import torch

    from engine.training.experts import Experts

_log = logging.getLogger(__name__)
RECORD = "run.json"
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
        teacher: Who taught it, in words; None for nobody.
        machine: What it was trained on, in words.
        commit: Which code trained it.
    """

    method: str
    preset: str
    config: TrainingConfig
    weights: Path
    history: list[dict[str, float]]
    best_score: float
    data_sha256: str
    teacher: str | None
    machine: str
    commit: str


def train_method(
    method: str,
    preset: str,
    seed: int,
    runs: Path,
    epochs: int | None = None,
    report: Callable[[dict[str, float]], None] | None = None,
    ablation: str | None = None,
) -> Run:
    """Train on the training split of the preset's task, select on its validation split; a stopped run goes on.

    Args:
        method: Name in ``engine.hashing.methods.METHODS``.
        preset: Name in ``PRESETS``.
        seed: Seed of weights, batches and views.
        runs: Folder of runs; this one lives in ``<method>-<preset>-<seed>``, an ablation in ``...-<ablation>``.
        epochs: Instead of the preset's.
        report: Called with each epoch's figures.
        ablation: What to change in the preset, as ``engine.training.config.changes_of`` takes it; None for nothing.

    Returns:
        The run.

    Raises:
        DataError: The pictures are not on this machine.
    """
    config = configuration(method, preset, seed, epochs, ablation)
    dataset = load_dataset(find_task(config.task).collection)
    folder = runs / run_name(method, preset, seed, ablation)
    if not (folder / RECORD).exists():
        facts = {"method": method, "preset": preset, "data_sha256": data_hash(dataset)}
        record = facts | _train(config, dataset, folder, report)
        write_json(folder / RECORD, record)
    return finished_run(folder, config)


def finished_run(folder: Path, config: TrainingConfig) -> Run:
    """Read a run that was trained to its end.

    Args:
        folder: The run's.
        config: How it should have been trained.

    Raises:
        DataError: It was trained otherwise.
    """
    record = json.loads((folder / RECORD).read_text())
    if record.pop("config") != json.loads(json.dumps(config.as_dict())):
        raise DataError(f"The run in {folder} was trained with another configuration: choose another --runs folder.")
    return Run(config=config, weights=folder / "best.safetensors", **record)


def _train(
    config: TrainingConfig,
    dataset: Dataset,
    folder: Path,
    report: Callable[[dict[str, float]], None] | None,
) -> dict[str, Any]:
    """Train to the end and return what :class:`Run` records of it."""
    from engine.training.trainer import Trainer

    seen = config.side, config.frame_margin
    train, validation = (framed_pictures(dataset.subset(split), *seen) for split in ("train", "val"))
    extra = None
    if config.simulated:
        extra = simulated_pictures(config.simulated, config.side, dataset.classes, config.frame_margin)
    kept, device = train.kept(left_in(train, config)), training_device()
    teacher: Teacher | None
    if config.experts is not None:
        teacher = fine_tuned_experts(config, config.experts, kept, device, expert_folder(folder.parent, config))
        name = f"{config.experts.count} ImageNet VGG-16s (CC BY 4.0), fine-tuned on the training split, on every view"
    else:
        teacher = frozen_teacher(config, train.joined(extra) if extra else train, len(train))
        name = "ImageNet VGG-16 base (CC BY 4.0), distilled"
    validation = validation.kept(left_in(validation, replace(config, without_positives="")))
    trainer = Trainer(config, kept, validation, teacher, folder, extra, device, start_of(config))
    return {
        "history": trainer.run(report),
        "best_score": trainer.best_score,
        "config": config.as_dict(),
        "teacher": None if teacher is None else name,
        "machine": machine(),
        "commit": commit(),
    }


def method_changes(method: str) -> dict[str, Any]:
    """Return what a method changes in a preset: fields of ``TrainingConfig``.

    Example:
        >>> method_changes("dpn")["weights"], method_changes("matdh")
        ({'polarization': 1.0}, {'encoder': 'rcesa'})
    """
    chosen = METHODS[method]
    changes: dict[str, Any] = {
        "encoder": chosen.encoder,
        **(RATES[chosen.rate] if chosen.rate else {}),
        **chosen.training,
    }
    return changes if chosen.losses is None else changes | {"weights": dict(chosen.losses)}


def configuration(
    method: str, preset: str, seed: int, epochs: int | None = None, ablation: str | None = None
) -> TrainingConfig:
    """Return a preset with what the method changes in it, and the variant in both.

    Example:
        >>> configuration("dpn", "baselines", 0).encoder, configuration("matdh", "ablation", 0, 2, "CA").attentions
        ('resnet18', ('channel',))
    """
    config = replace(PRESETS[preset], **method_changes(method), seed=seed, epochs=epochs or PRESETS[preset].epochs)
    return config if ablation is None else replace(config, **changes_of(ablation))


def left_in(pictures: FramedPictures, config: TrainingConfig) -> np.ndarray:
    """Mark the pictures that are trained on: ``(N,)`` bool, all but one publisher's or one source's positives."""
    positive = find_task(config.task).position
    left_out = (pictures.labels == positive) & (pictures.sources == config.without_positives)
    return ~(left_out | (pictures.origins == config.without))


def start_of(config: TrainingConfig) -> Path | None:
    """Return the weights file that a run starts from; None for a random start.

    Raises:
        DataError: It is not here.
    """
    if not config.start:
        return None
    path = weights_path(config.start)
    if not path.exists():
        raise DataError(f"This preset goes on from {path.name}, which is not in models/weights: fetch the file again.")
    return path


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


def training_device() -> "torch.device":
    """Return the GPU where there is one, else the processor."""
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = True
    return torch.device("cuda")


def fine_tuned_experts(
    config: TrainingConfig, how: ExpertConfig, train: FramedPictures, device: "torch.device", folder: Path
) -> "Experts":
    """Fine-tune the preset's experts, or read those that an earlier run left in ``folder``.

    Raises:
        DataError: VGG-16's ImageNet base is not on this machine.
    """
    from engine.training.experts import Experts, train_expert

    base = imagenet_file()
    if not base.exists():
        raise DataError(f"This preset needs VGG-16's ImageNet base: put it at {base}.")
    return Experts([train_expert(config, how, seed, train, base, device, folder) for seed in range(how.count)])


def expert_folder(runs: Path, config: TrainingConfig) -> Path:
    """Return where the experts of a configuration are kept; all seeds and lengths of training share them."""
    facts = config.as_dict() | {"seed": None, "epochs": None}
    return runs / f"experts-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]}"


def frozen_teacher(config: TrainingConfig, known: FramedPictures, fit: int) -> StoredTeacher | None:
    """Return what the frozen VGG-16 saw on the pictures that the run trains on, if it is asked for and at hand.

    What is left out of training is left out of everything that the teacher says; what varies is judged by the first
    ``fit`` pictures, those that are left out not counted.
    """
    maps = imagenet_maps(known) if config.taught else None
    if maps is None:
        return None
    chosen = left_in(known, config)
    kept = known.kept(chosen)
    return reduce_maps(maps[chosen], kept.labels, kept.groups, kept.pixels.shape[-1], int(chosen[:fit].sum()))


def imagenet_maps(pictures: FramedPictures) -> "torch.Tensor | None":
    """Return the last map of VGG-16's ImageNet base on the training pictures, or None where its file is missing."""
    weights = imagenet_file()
    if not weights.exists():
        _log.warning("no %s: training without a teacher, which costs accuracy", weights)
        return None
    cache = CACHE / f"teacher-{hashlib.sha256(pictures.pixels.tobytes()).hexdigest()[:16]}.npy"
    return teacher_maps(pictures.pixels, weights, cache)
