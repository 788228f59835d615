"""Batches of training pictures: drawn in balance, cut to random views, blended, and taught about."""

from collections.abc import Iterator

import numpy as np
import torch

from engine.training.augment import random_frames, random_views
from engine.training.config import TrainingConfig
from engine.training.objective import Batch, blend
from engine.training.pictures import SPARE_MARGIN, FramedPictures
from engine.training.samplers import balanced_batches
from engine.training.teacher import Teacher


class BatchLoader:
    """Draws batches and their random views; the pictures lie on the device.

    On two cores views take a twentieth of a step. Making them on background threads was ten times slower there, where
    they fight torch's own threads.

    Args:
        train: Training pictures.
        teacher: Who teaches about every view, if anybody.
        config: How batches and views are drawn.
        extra: Simulated pictures that join the training pictures late.
        device: Where the pictures lie and views are made.
    """

    def __init__(
        self,
        train: FramedPictures,
        teacher: Teacher | None,
        config: TrainingConfig,
        extra: FramedPictures | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        pictures = train.joined(extra) if extra else train
        self._real, self._pictures, self._teacher, self._config = len(train), pictures, teacher, config
        names = [
            f"{label}-{name}" for label, name in zip(pictures.labels, getattr(pictures, config.balance), strict=True)
        ]
        self._groups = np.unique(names, return_inverse=True)[1]
        self._labels = torch.from_numpy(pictures.labels).to(device)
        self._pixels = torch.from_numpy(pictures.pixels).to(device)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of epoch ``number``; the same number gives the same batches."""
        config = self._config
        draw = np.random.default_rng((config.seed, number))
        count = self._real // config.batch
        known = self._real if number < config.simulated_from * config.epochs else len(self._pictures)
        batches = balanced_batches(self._pictures.labels[:known], self._groups[:known], config.batch, count, draw)
        seeds = draw.integers(0, 2**63, count)
        for positions, batch_seed in zip(batches, seeds, strict=True):
            yield self._batch(positions, number, known, batch_seed)

    def _batch(self, positions: np.ndarray, epoch: int, known: int, seed: int) -> Batch:
        config, draw, count, pixels = self._config, np.random.default_rng(seed), len(positions), self._pixels
        side, (strength, mixup) = config.side_at(epoch), config.views_at(epoch)
        margins = self._pictures.margin, self._pictures.margin - SPARE_MARGIN
        frames = random_frames(count, side, pixels.shape[-1], *margins, strength, draw)
        partners = pixels[draw.integers(0, known, count)]
        views = random_views(pixels[positions], partners, frames, side, strength, draw, config.enhanced)
        labels = self._labels[positions]
        batch = Batch(views, labels, None, 1.0, labels)
        if mixup:
            share = draw.beta(mixup, mixup)
            batch = blend(batch, max(share, 1 - share), draw.permutation(count))
        if self._teacher is None:
            return batch
        return batch.taught(self._teacher.lesson(batch.views, positions, frames))
