"""Train the networks that search encrypted pictures: resumable, selected on the validation split."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.encrypted_search.classifier import BATCH, network_input
from engine.encrypted_search.networks import NETWORKS, build
from engine.encrypted_search.pictures import Split, read
from engine.files import written_whole
from engine.training.checkpoint import CHECKPOINT, Part, load_checkpoint, save_checkpoint, seed_epoch

SHIFT = 7  # pixels; blocks of 16 do not notice more
_log = logging.getLogger(__name__)
Report = Callable[[dict[str, float]], None]


class Training:
    """One network's training.

    The pictures of every setting and edition pass the stem once; the epochs run on what it gave.

    Args:
        name: Key of ``NETWORKS``.
        train: Training pictures.
        validation: Validation pictures.
        folder: Where the resumable state and the best weights go.
        seed: Of weights, order, shifts and dropout.
        imagenet: File of ImageNet's VGG-16 base; needed where the recipe asks for it.
        epochs: Instead of the recipe's.
    """

    def __init__(
        self,
        name: str,
        train: Split,
        validation: Split,
        folder: Path,
        seed: int = 0,
        imagenet: Path | None = None,
        epochs: int | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.recipe, self.folder, self.seed = NETWORKS[name].recipe, folder, seed
        self.train, self.validation = train, validation
        self.epochs, steps = epochs or self.recipe.epochs, -(-len(train.labels) // self.recipe.batch)
        self.network = build(NETWORKS[name].method, NETWORKS[name].arguments)
        if self.recipe.imagenet and imagenet is not None:
            self.network.load_imagenet(imagenet)  # type: ignore[operator]
        self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        rate = self.recipe.learning_rate
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=self.recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=self.epochs * steps, pct_start=0.15
        )
        self.plan = {"name": name, "seed": seed, "epochs": self.epochs, "recipe": asdict(self.recipe)}
        self.history: list[dict[str, float]] = []
        self.best = -1.0

    def run(self, report: Report | None = None) -> list[dict[str, float]]:
        """Train from where the folder's state left off; return one row of figures per epoch.

        Raises:
            CheckpointError: The folder holds the state of a run that was planned otherwise.
        """
        self._resume()
        if len(self.history) < self.epochs:
            stems, held = self._prepare()
        for epoch in range(len(self.history), self.epochs):
            row = {"epoch": epoch + 1.0, **self._train_epoch(stems, epoch), **self._validate(held)}
            self.history.append(row)
            self._save(row["val_accuracy"])
            if report is not None:
                report(row)
        return self.history

    def _prepare(self) -> tuple[list[Tensor], dict[str, Tensor]]:
        """What the stem makes of the training pictures, one tensor an edition and setting, and of the validation's."""
        editions = [self._edition(number) for number in range(self.recipe.editions)]
        stems = [self._stem(name, *edition) for name in self.recipe.settings for edition in editions]
        pictures = self.validation.images, self.validation.ids
        return stems, {name: self._stem(name, *pictures) for name in self.recipe.settings}

    def _edition(self, number: int) -> tuple[np.ndarray, list[str]]:
        """The training pictures, the first time as they are, then jittered; with names of their own."""
        images = jitter(self.train.images, (self.seed, number)) if number else self.train.images
        return images, [f"training {number} {identity}" for identity in self.train.ids]

    def _stem(self, setting: str, images: np.ndarray, ids: list[str]) -> Tensor:
        """What the stem makes of pictures, encrypted as a setting says: ``(N, ...)`` float16."""
        pictures, parts = read(setting, images, ids), []
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(pictures), BATCH):
                parts.append(self.network.stem(network_input(pictures[start : start + BATCH])).half())  # type: ignore[operator]
        _log.info("prepared %d pictures, %s", len(pictures), setting)
        return torch.cat(parts)

    def _train_epoch(self, stems: list[Tensor], epoch: int) -> dict[str, float]:
        seed_epoch(self.seed, epoch)
        self.network.train()
        started, total, right = time.perf_counter(), 0.0, 0
        for maps, labels in batches(stems, self.train.labels, self.recipe.batch, (self.seed, epoch)):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                features = self.network.finish(maps)  # type: ignore[operator]
                logits = self.network.classify(features).float()  # type: ignore[operator]
            loss = functional.cross_entropy(logits, labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach()) * len(labels)
            right += int((logits.argmax(1) == labels).sum())
        count = len(self.train.labels)
        return {"loss": total / count, "train_accuracy": right / count, "seconds": time.perf_counter() - started}

    def _validate(self, held: dict[str, Tensor]) -> dict[str, float]:
        """Accuracy in each setting of the recipe; their mean selects the weights."""
        self.network.eval()
        found = {}
        with torch.inference_mode():
            for name, stems in held.items():
                features = [self.network.finish(part.float()) for part in stems.split(BATCH)]  # type: ignore[operator]
                predicted = self.network.classify(torch.cat(features)).argmax(1).numpy()  # type: ignore[operator]
                found[f"val_{name}"] = float(np.mean(predicted == self.validation.labels))
        return found | {"val_accuracy": float(np.mean(list(found.values())))}

    def _parts(self) -> dict[str, Part]:
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}

    def _save(self, score: float) -> None:
        from safetensors.torch import save_file

        # Of equals the later one: it has been trained longer.
        if score >= self.best:
            self.best = score
            weights = {key: value.contiguous() for key, value in self.network.state_dict().items()}
            with written_whole(self.folder / "best.safetensors") as partial:
                save_file(weights, partial)
        progress = {"history": self.history, "best": self.best}
        save_checkpoint(self.folder / CHECKPOINT, self._parts(), self.plan, progress)

    def _resume(self) -> None:
        progress = load_checkpoint(self.folder / CHECKPOINT, self._parts(), self.plan)
        if progress is not None:
            self.history, self.best = progress["history"], progress["best"]


def jitter(images: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Shift every picture by up to 7 pixels, the border repeated, and mirror every other one.

    Args:
        images: ``(N, H, W)`` uint8.
        seed: The same seed gives the same pictures.

    Returns:
        ``(N, H, W)`` uint8.
    """
    draw = np.random.default_rng(seed)
    count, height, width = images.shape
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)), mode="edge")
    shifted = np.empty_like(images)
    for i, (top, left) in enumerate(draw.integers(0, 2 * SHIFT + 1, (count, 2))):
        shifted[i] = padded[i, top : top + height, left : left + width]
    return np.where(draw.random((count, 1, 1)) < 0.5, shifted[:, :, ::-1], shifted)


def batches(
    stems: list[Tensor], labels: np.ndarray, size: int, seed: tuple[int, ...]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches, every picture once, each batch from one of the stems.

    Args:
        stems: Tensors ``(N, ...)`` of the same pictures.
        labels: ``(N,)`` int64.
        size: Pictures a batch.
        seed: The same seed gives the same batches.

    Yields:
        ``(B, ...)`` float32 and ``(B,)`` int64.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(labels))
    for start in range(0, len(order), size):
        chosen = torch.from_numpy(order[start : start + size])
        yield stems[draw.integers(len(stems))][chosen].float(), torch.from_numpy(labels)[chosen]
