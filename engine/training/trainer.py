"""The one training loop: balanced batches, random views, a weighted sum of losses, validation by retrieval."""

import copy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.datasets.tasks import find_task
from engine.evaluation import pairwise_distances
from engine.evaluation.ranking import ranked_average_precision
from engine.evaluation.unseen import distances_apart
from engine.files import written_whole
from engine.hashing.codes import pack_bits
from engine.hashing.losses import TARGETS
from engine.training.averaging import update_ema
from engine.training.checkpoint import CHECKPOINT, Part, load_checkpoint, save_checkpoint, seed_epoch
from engine.training.config import TrainingConfig
from engine.training.loader import BatchLoader
from engine.training.objective import Student, loss_terms
from engine.training.pictures import FramedPictures, plain_views
from engine.training.teacher import Teacher
from models.network import CODE_LENGTHS, HashNetwork

SELECTION_BITS = 48


class Trainer:
    """Trains a network on framed pictures and keeps the weights that retrieve best on the validation split.

    Args:
        config: What to do.
        train: Training pictures, also the gallery of the validation queries.
        validation: Validation pictures.
        teacher: Who teaches about the training pictures, or None to train without.
        folder: Where the resumable state and the best weights go.
        extra: Simulated pictures that join the training pictures late; a stored teacher's rows for them follow.
        device: Where to train.
        start: Weights file of the same encoder to start from; None for a random start.
    """

    def __init__(
        self,
        config: TrainingConfig,
        train: FramedPictures,
        validation: FramedPictures,
        teacher: Teacher | None,
        folder: Path,
        extra: FramedPictures | None = None,
        device: torch.device | str = "cpu",
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder = config, folder
        self.pictures = train, validation
        self.views = tuple(plain_views(part, config.side, config.enhanced) for part in (train, validation))
        self.loader = BatchLoader(train, teacher, config, extra, device)
        student = Student(config, len(train.classes), teacher.sizes if teacher else None)
        if start is not None:
            load_encoder(student.network, start)
        self.student = student.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.student.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        steps = config.epochs * (len(train) // config.batch)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=steps, pct_start=0.08
        )
        self.targets = {bits: TARGETS[config.targets](bits, len(train.classes)).to(device) for bits in CODE_LENGTHS}
        self.history: list[dict[str, float]] = []
        self.best_score, self.stale = -1.0, 0

    def run(self, report: Callable[[dict[str, float]], None] | None = None) -> list[dict[str, float]]:
        """Train from where the folder's state left off; return one row of figures per epoch.

        Raises:
            CheckpointError: The folder holds the state of a run with another configuration.
        """
        self._resume()
        for epoch in range(len(self.history), self.config.epochs):
            if self.stale >= self.config.patience:
                break
            row = {"epoch": epoch + 1.0, **self._train_epoch(epoch)}
            last = epoch + 1 == self.config.epochs
            if last or (epoch + 1) % self.config.validate_every == 0:
                row.update(self.validate())
                self._keep_if_best(row["val_score"])
            self.history.append(row)
            if "val_score" in row:
                self._save_state()
            if report is not None:
                report(row)
        return self.history

    def validate(self) -> dict[str, float]:
        """Return the validation mAP of both tasks, at 48 bits where there are bits; their mean selects the weights."""
        train, validation = self.pictures
        queries = _ranking(*outputs_of(self.average, self.views[1]))
        if self.config.validation == "unseen":
            distances = distances_apart(queries, queries, validation.groups, validation.groups)
            held = validation.labels
        else:
            distances = pairwise_distances(queries, _ranking(*outputs_of(self.average, self.views[0])))
            held = train.labels
        positive = find_task(self.config.task).position
        every = validation.labels
        two = mean_of_labels(distances, every == positive, held == positive)
        labels = mean_of_labels(distances, every, held)
        return {"val_map_binary": two, "val_map_labels": labels, "val_score": (two + labels) / 2}

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        seed_epoch(self.config.seed, epoch)
        self.student.train()
        sums: dict[str, torch.Tensor] = {}
        started, count = time.perf_counter(), 0
        for batch in self.loader.epoch(epoch):
            terms = loss_terms(self.student, batch, self.config, self.targets)
            weights = self.config.weights
            total = sum((weights.get(name, 0.0) * term for name, term in terms.items()), start=torch.zeros(()))
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
            self.optimizer.step()
            self.schedule.step()
            update_ema(self.average, self.student.network, self.config.averaging, self.schedule.last_epoch)
            count += 1
            for name, term in terms.items():
                sums[name] = sums.get(name, torch.zeros(())) + term.detach()
        means = {name: float(value) / count for name, value in sums.items()}
        return means | {"seconds": time.perf_counter() - started}

    def _keep_if_best(self, score: float) -> None:
        if score <= self.best_score:
            self.stale += 1
            return
        from safetensors.torch import save_file

        self.best_score, self.stale = score, 0
        weights = {name: value.contiguous() for name, value in self.average.state_dict().items()}
        with written_whole(self.folder / "best.safetensors") as partial:
            save_file(weights, partial)

    def _parts(self) -> dict[str, Part]:
        return {name: getattr(self, name) for name in ("student", "average", "optimizer", "schedule")}

    def _save_state(self) -> None:
        progress = {"history": self.history, "best": (self.best_score, self.stale)}
        save_checkpoint(self.folder / CHECKPOINT, self._parts(), self.config.as_dict(), progress)

    def _resume(self) -> None:
        device = next(self.student.parameters()).device
        progress = load_checkpoint(self.folder / CHECKPOINT, self._parts(), self.config.as_dict(), device)
        if progress is not None:
            self.history = progress["history"]
            self.best_score, self.stale = progress["best"]


def load_encoder(network: HashNetwork, path: Path) -> None:
    """Give a network the encoder and the feature layer of a shipped one; its hash heads stay as they are.

    Args:
        network: Changed in place.
        path: Safetensors of a network with the same encoder.

    Raises:
        RuntimeError: The file is of another encoder.
    """
    from safetensors.torch import load_file

    kept = {name: value for name, value in network.state_dict().items() if name.startswith("heads.")}
    shipped = {name: value.float() for name, value in load_file(path).items() if not name.startswith("heads.")}
    network.load_state_dict(shipped | kept)


def mean_of_labels(distances: np.ndarray, asked: np.ndarray, held: np.ndarray) -> float:
    """Return the mean over labels of the mean average precision of their queries.

    Args:
        distances: ``(Q, G)``, infinite where an item is not in a query's gallery.
        asked: ``(Q,)`` labels of the queries.
        held: ``(G,)`` labels of the gallery.
    """
    relevant = (asked[:, None] == held) & np.isfinite(distances)
    precision = ranked_average_precision(distances, relevant, empty="skip")
    return float(np.mean([np.nanmean(precision[asked == label]) for label in np.unique(asked)]))


def _ranking(features: np.ndarray, outputs: dict[int, np.ndarray]) -> np.ndarray:
    return pack_bits(outputs[SELECTION_BITS] >= 0) if outputs else features


def framed_outputs(
    network: HashNetwork, pictures: FramedPictures, config: TrainingConfig
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return a network's features ``(N, F)`` float32 and, per code length, outputs ``(N, bits)`` float32."""
    return outputs_of(network, plain_views(pictures, config.side, config.enhanced))


@torch.inference_mode()
def outputs_of(network: HashNetwork, views: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return features and outputs for network inputs ``(N, S, S)`` float32, computed where the network lies."""
    device = next(network.parameters()).device
    features: list[torch.Tensor] = []
    rows: dict[int, list[torch.Tensor]] = {int(bits): [] for bits in network.heads}
    for start in range(0, len(views), 64):
        chunk = torch.from_numpy(views[start : start + 64])[:, None].to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            coarsest = network.encoder(chunk)[-1]
        feature, outputs = network.hash(coarsest.float())
        features.append(feature.cpu())
        for bits, output in outputs.items():
            rows[bits].append(output.cpu())
    return torch.cat(features).numpy(), {bits: torch.cat(outputs).numpy() for bits, outputs in rows.items()}
