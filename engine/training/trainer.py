"""The one training loop: balanced batches, random views, a weighted sum of losses, validation by retrieval."""

import copy
import functools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.datasets import DataError
from engine.evaluation import mean_average_precision
from engine.hashing.codes import pack_bits
from engine.hashing.losses import (
    hierarchical_targets,
    map_distillation_loss,
    polarization_loss,
    posterior_distillation_loss,
    triplet_loss,
)
from engine.hashing.preprocess import FRAME_MARGIN
from engine.hashing.samplers import balanced_batches
from engine.training.augment import plain_view, random_frame, random_view
from engine.training.config import TrainingConfig
from engine.training.pictures import CACHE_MARGIN, FramedPictures, cached_side
from engine.training.teacher import COMPONENTS, TEACHER_CHANNELS, Teacher, align_maps
from models.hashing import build_encoder
from models.matdh import CODE_LENGTHS, FEATURE_SIZE, MATDH, Decoder

_log = logging.getLogger(__name__)
SELECTION_BITS = 48


@dataclass(frozen=True)
class Batch:
    """One step's data.

    Attributes:
        views: ``(B, 1, S, S)`` float32.
        labels: ``(B,)`` int64.
        teacher: What the teacher saw there, if there is one.
        share: How much of each view is its own picture; the rest is the blended one's.
        blended_labels: ``(B,)`` int64 labels of the blended pictures.
    """

    views: Tensor
    labels: Tensor
    teacher: Teacher | None
    share: float
    blended_labels: Tensor


def blend(batch: Batch, share: float, order: np.ndarray) -> Batch:
    """Blend every picture with another of its batch (mixup, Zhang et al., ICLR 2018), and what is taught about it.

    Args:
        batch: Plain pictures.
        share: Weight of a picture itself, 0.5..1.
        order: ``(B,)`` position of each picture's partner.
    """

    def mix(values: Tensor) -> Tensor:
        return share * values + (1 - share) * values[order]

    taught = batch.teacher
    teacher = None if taught is None else Teacher(mix(taught.maps), mix(taught.pooled), mix(taught.posterior))
    return Batch(mix(batch.views), batch.labels, teacher, share, batch.labels[order])


class Student(nn.Module):
    """MATDH with the parts only training needs: the decoder and the projections onto the teacher's."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        encoder = build_encoder(config.encoder, config.attentions)
        self.network = MATDH(encoder=encoder)
        self.decoder = Decoder(encoder.channels)
        self.project_map = nn.Conv2d(encoder.channels[2], COMPONENTS, 1)
        self.project_feature = nn.Linear(FEATURE_SIZE, 2 * TEACHER_CHANNELS)


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
    """Trains MATDH on framed pictures and keeps the weights that retrieve best on the validation split.

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
        self.targets = {bits: hierarchical_targets(bits) for bits in CODE_LENGTHS}
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
        """Return the validation mAP of both tasks at 48 bits; their mean selects the weights."""
        gallery, queries = (framed_codes(self.average, part, self.config) for part in (self.train, self.validation))
        labels = (self.validation.labels, self.train.labels)
        three = mean_average_precision(queries, labels[0], gallery, labels[1])
        two = mean_average_precision(queries, labels[0] == 0, gallery, labels[1] == 0)
        return {"val_map_binary": two, "val_map_three": three, "val_score": (two + three) / 2}

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        self.student.train()
        sums: dict[str, float] = {}
        started, count = time.perf_counter(), 0
        for batch in self.loader.epoch(epoch):
            terms = self._losses(batch)
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

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        views = batch.views.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = self.student.network.encoder(views)
            picture = self.student.decoder(maps) if self.config.weights.reconstruction else None
            taught = self.student.project_map(maps[2])
        feature, logits = self.student.network.hash(maps[-1].float())
        config = self.config
        triplets = functools.partial(triplet_loss, labels=batch.labels, margin=config.margin, mining=config.mining)
        codes = [triplets(torch.tanh(u)) for u in logits.values()]
        polar = [
            batch.share * polarization_loss(u, batch.labels, self.targets[bits])
            + (1 - batch.share) * polarization_loss(u, batch.blended_labels, self.targets[bits])
            for bits, u in logits.items()
        ]
        terms = {
            "feature_triplet": triplets(feature),
            "code_triplet": torch.stack(codes).mean(),
            "polarization": torch.stack(polar).mean(),
        }
        if picture is not None:
            terms["reconstruction"] = functional.mse_loss(picture.float(), batch.views)
        if batch.teacher is not None:
            pooled = self.student.project_feature(feature)
            terms["map_distillation"] = map_distillation_loss(taught, batch.teacher.maps)
            terms["feature_distillation"] = functional.smooth_l1_loss(pooled, batch.teacher.pooled)
            expected = [
                posterior_distillation_loss(u, batch.teacher.posterior, self.targets[bits])
                for bits, u in logits.items()
            ]
            terms["posterior_distillation"] = torch.stack(expected).mean()
        return terms

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


@torch.inference_mode()
def framed_codes(
    network: MATDH, pictures: FramedPictures, config: TrainingConfig, bits: int = SELECTION_BITS
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
    rows = []
    for start in range(0, len(pictures), 64):
        chunk = pictures.pixels[start : start + 64]
        views = [plain_view(p, CACHE_MARGIN, FRAME_MARGIN, config.side, config.enhanced) for p in chunk]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarsest = network.encoder(torch.from_numpy(np.stack(views))[:, None])[-1]
        rows.append(network.hash(coarsest.float())[1][bits] >= 0)
    return pack_bits(torch.cat(rows).numpy())
