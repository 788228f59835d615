"""The one training loop: balanced batches, random views, a weighted sum of losses, validation by retrieval."""

import copy
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.datasets import DataError
from engine.evaluation import mean_average_precision
from engine.hashing.codes import pack_bits
from engine.hashing.losses import TARGETS
from engine.hashing.preprocess import FRAME_MARGIN
from engine.hashing.samplers import balanced_batches
from engine.training.augment import plain_view, random_frame, random_view
from engine.training.config import TrainingConfig
from engine.training.objective import Batch, Student, blend, loss_terms
from engine.training.pictures import CACHE_MARGIN, FramedPictures, cached_side
from engine.training.teacher import Teacher, align_maps
from models.network import CODE_LENGTHS, HashNetwork

_log = logging.getLogger(__name__)
SELECTION_BITS = 48


class BatchLoader:
    """Draws batches and their random views.

    Views take a tenth of a step. Making them on background threads was ten times slower on two cores, where
    they fight torch's own threads.
    """

    def __init__(
        self,
        train: FramedPictures,
        teacher: Teacher | None,
        config: TrainingConfig,
        extra: FramedPictures | None = None,
    ) -> None:
        pictures = train.joined(extra) if extra else train
        self._real, self._pictures, self._teacher, self._config = len(train), pictures, teacher, config
        names = [f"{label}-{source}" for label, source in zip(pictures.labels, pictures.sources, strict=True)]
        self._groups = np.unique(names, return_inverse=True)[1]

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of epoch ``number``; the same number gives the same batches."""
        config = self._config
        draw = np.random.default_rng((config.seed, number))
        count = self._real // config.batch
        known = self._real if number < config.simulated_from * config.epochs else len(self._pictures)
        batches = balanced_batches(self._pictures.labels[:known], self._groups[:known], config.batch, count, draw)
        seeds = draw.integers(0, 2**63, count)
        side = config.side_at(number)
        pixels = self._pictures.shrunk(side).pixels[:known]
        for positions, seed in zip(batches, seeds, strict=True):
            yield self._batch(pixels, positions, side, seed)

    def _batch(self, pixels: np.ndarray, positions: np.ndarray, side: int, seed: int) -> Batch:
        draw, strength = np.random.default_rng(seed), self._config.augmentation
        partners = draw.integers(0, len(pixels), len(positions))
        frames = [random_frame(side, pixels.shape[1], CACHE_MARGIN, FRAME_MARGIN, strength, draw) for _ in positions]
        views = [
            random_view(pixels[i], pixels[j], frame, side, strength, draw, self._config.enhanced)
            for i, j, frame in zip(positions, partners, frames, strict=True)
        ]
        labels = torch.from_numpy(self._pictures.labels[positions])
        taught = self._taught(positions, frames, side)
        batch = Batch(torch.from_numpy(np.stack(views))[:, None], labels, taught, 1.0, labels)
        if not self._config.mixup:
            return batch
        share = draw.beta(self._config.mixup, self._config.mixup)
        return blend(batch, max(share, 1 - share), draw.permutation(len(positions)))

    def _taught(self, positions: np.ndarray, frames: list[np.ndarray], side: int) -> Teacher | None:
        if self._teacher is None:
            return None
        maps = align_maps(self._teacher.maps[positions], frames, side, cached_side(side), side // 16)
        return Teacher(maps, self._teacher.pooled[positions], self._teacher.posterior[positions])


class Trainer:
    """Trains a network on framed pictures and keeps the weights that retrieve best on the validation split.

    Args:
        config: What to do.
        train: Training pictures, also the gallery of the validation queries.
        validation: Validation pictures.
        teacher: What a frozen network saw on the training pictures, or None to train without it.
        folder: Where the resumable state and the best weights go.
        extra: Simulated pictures that join the training pictures late; the teacher's rows for them follow.
    """

    def __init__(
        self,
        config: TrainingConfig,
        train: FramedPictures,
        validation: FramedPictures,
        teacher: Teacher | None,
        folder: Path,
        extra: FramedPictures | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.train, self.validation, self.folder = config, train, validation, folder
        self.loader = BatchLoader(train, teacher, config, extra)
        self.student = Student(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.student.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        steps = config.epochs * (len(train) // config.batch)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=steps, pct_start=0.08
        )
        self.targets = {bits: TARGETS[config.targets](bits) for bits in CODE_LENGTHS}
        self.history: list[dict[str, float]] = []
        self.best_score, self.stale = -1.0, 0

    def run(self, report: Callable[[dict[str, float]], None] | None = None) -> list[dict[str, float]]:
        """Train from where the folder's state left off; return one row of figures per epoch."""
        self._resume()
        for epoch in range(len(self.history), self.config.epochs):
            row = {"epoch": epoch + 1.0, **self._train_epoch(epoch)}
            last = epoch + 1 == self.config.epochs
            if last or (epoch + 1) % self.config.validate_every == 0:
                row.update(self.validate())
                self._keep_if_best(row["val_score"])
            self.history.append(row)
            self._save_state()
            if report is not None:
                report(row)
            if self.stale >= self.config.patience:
                break
        return self.history

    def validate(self) -> dict[str, float]:
        """Return the validation mAP of both tasks, at 48 bits where there are bits; their mean selects the weights."""
        gallery, queries = (framed_ranking(self.average, part, self.config) for part in (self.train, self.validation))
        labels = (self.validation.labels, self.train.labels)
        three = mean_average_precision(queries, labels[0], gallery, labels[1])
        two = mean_average_precision(queries, labels[0] == 0, gallery, labels[1] == 0)
        return {"val_map_binary": two, "val_map_three": three, "val_score": (two + three) / 2}

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        self.student.train()
        sums: dict[str, float] = {}
        started, count = time.perf_counter(), 0
        for batch in self.loader.epoch(epoch):
            terms = loss_terms(self.student, batch, self.config, self.targets)
            weights = self.config.weights
            total = sum(getattr(weights, name) * term for name, term in terms.items())
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
            self.optimizer.step()
            self.schedule.step()
            self._update_average()
            count += 1
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + float(term.detach())
        return {name: value / count for name, value in sums.items()} | {"seconds": time.perf_counter() - started}

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the average would remember the random start: warm its decay up.
        steps = self.schedule.last_epoch
        decay = min(self.config.averaging, (1 + steps) / (10 + steps))
        pairs = zip(self.average.state_dict().values(), self.student.network.state_dict().values(), strict=True)
        for averaged, current in pairs:
            if averaged.dtype.is_floating_point:
                averaged.lerp_(current, 1 - decay)
            else:
                averaged.copy_(current)

    def _keep_if_best(self, score: float) -> None:
        if score <= self.best_score:
            self.stale += 1
            return
        from safetensors.torch import save_file

        self.best_score, self.stale = score, 0
        self.folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.contiguous() for name, value in self.average.state_dict().items()},
            self.folder / "best.safetensors",
        )

    def _save_state(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": self.history,
            "best": (self.best_score, self.stale),
        }
        partial = self.folder / "state.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "state.pt")

    def _resume(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            self._start_from_finished_run()
            return
        state = torch.load(path, weights_only=True)
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = state["history"]
        self.best_score, self.stale = state["best"]
        _log.info("resumed after epoch %d", len(self.history))

    def _start_from_finished_run(self) -> None:
        """Take the best weights of the run ``config.start``; decoder and projections begin anew, they only teach."""
        if self.config.start is None:
            return
        from safetensors.torch import load_file

        path = self.folder.parent / self.config.start / "best.safetensors"
        if not path.exists():
            raise DataError(f"This preset goes on from the run {path.parent}, which is not there: train that first.")
        best = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
        self.student.network.load_state_dict(best)
        self.average.load_state_dict(best)


def framed_codes(
    network: HashNetwork, pictures: FramedPictures, config: TrainingConfig, bits: int = SELECTION_BITS
) -> np.ndarray:
    """Hash framed pictures with a network in training.

    Args:
        network: In evaluation mode.
        pictures: Framed for ``config.side``.
        config: How the network is trained.
        bits: Code length.

    Returns:
        ``(N, bits // 8)`` uint8 packed codes.
    """
    return pack_bits(framed_outputs(network, pictures, config)[1][bits] >= 0)


def framed_ranking(network: HashNetwork, pictures: FramedPictures, config: TrainingConfig) -> np.ndarray:
    """Return what a network ranks framed pictures by: packed codes of 48 bits, or embeddings where it has no heads."""
    features, outputs = framed_outputs(network, pictures, config)
    return pack_bits(outputs[SELECTION_BITS] >= 0) if outputs else features


@torch.inference_mode()
def framed_outputs(
    network: HashNetwork, pictures: FramedPictures, config: TrainingConfig
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return a network's features ``(N, F)`` float32 and, per code length, outputs ``(N, bits)`` float32."""
    features: list[torch.Tensor] = []
    rows: dict[int, list[torch.Tensor]] = {int(bits): [] for bits in network.heads}
    for start in range(0, len(pictures), 64):
        chunk = pictures.pixels[start : start + 64]
        views = [plain_view(p, CACHE_MARGIN, FRAME_MARGIN, config.side, config.enhanced) for p in chunk]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarsest = network.encoder(torch.from_numpy(np.stack(views))[:, None])[-1]
        feature, outputs = network.hash(coarsest.float())
        features.append(feature)
        for bits, output in outputs.items():
            rows[bits].append(output)
    return torch.cat(features).numpy(), {bits: torch.cat(outputs).numpy() for bits, outputs in rows.items()}
