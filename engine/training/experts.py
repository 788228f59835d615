"""Experts: VGG-16s from ImageNet, fine-tuned on the training split, who teach on every view that the student sees.

A student that is asked to agree with its teachers about millions of random and blended views learns their function,
not only their answers on a thousand pictures (Beyer et al., CVPR 2022, "a good teacher is patient and consistent").
Several experts, each fine-tuned with its own seed, err on different pictures.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.files import written_whole
from engine.training.averaging import update_ema
from engine.training.config import ExpertConfig, TrainingConfig
from engine.training.loader import BatchLoader
from engine.training.pictures import FramedPictures
from engine.training.teacher import Lesson
from models.expert import Expert
from models.vgg16 import CHANNELS

_log = logging.getLogger(__name__)


class Experts:
    """Fine-tuned experts as one teacher.

    Args:
        networks: In evaluation mode, all on one device.
    """

    def __init__(self, networks: Sequence[Expert]) -> None:
        self.networks = networks

    @property
    def sizes(self) -> tuple[int, int]:
        """Channels of the maps and of the pooled ones, all experts' side by side."""
        return CHANNELS * len(self.networks), 2 * CHANNELS * len(self.networks)

    @torch.no_grad()
    def lesson(self, views: Tensor, positions: np.ndarray, frames: np.ndarray) -> Lesson:
        """Look at the views themselves; what all pictures of the batch have in common is taken out."""
        with torch.autocast(views.device.type, dtype=torch.bfloat16):
            seen = [network(views) for network in self.networks]
        maps = torch.cat([maps for maps, _, _ in seen], 1)
        pooled = torch.cat([pooled for _, pooled, _ in seen], 1)
        posterior = torch.stack([logits.float().softmax(1) for _, _, logits in seen]).mean(0)
        return Lesson(_centred(maps.float(), (0, 2, 3)), _centred(pooled, (0,)), posterior)


def _centred(values: Tensor, over: tuple[int, ...]) -> Tensor:
    spread, mean = torch.std_mean(values, over, keepdim=True)
    return (values - mean) / (spread + 1e-2)


def train_expert(
    config: TrainingConfig,
    how: ExpertConfig,
    seed: int,
    train: FramedPictures,
    base: Path,
    device: torch.device,
    folder: Path,
) -> Expert:
    """Fine-tune one expert, or read it where it has been before.

    Args:
        config: How the student is trained: an expert sees the same pictures at the same side.
        how: How the expert is fine-tuned.
        seed: Seed of head, batches and views.
        train: Training pictures.
        base: ImageNet weights of VGG-16.
        device: Where to train.
        folder: Where the fine-tuned weights are kept.

    Returns:
        The moving average of its weights, in evaluation mode.
    """
    from safetensors.torch import load_file, save_file

    torch.manual_seed(seed)
    expert = Expert(base).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = folder / f"expert-{seed}.safetensors"
    if path.exists():
        expert.load_state_dict(load_file(path, device=str(device)))
        return expert.eval().requires_grad_(False)
    average = _fine_tune(expert, config, how, seed, train, device)
    with written_whole(path) as partial:
        save_file({name: value.contiguous() for name, value in average.state_dict().items()}, partial)
    return average.requires_grad_(False)


def _fine_tune(
    expert: Expert,
    config: TrainingConfig,
    how: ExpertConfig,
    seed: int,
    train: FramedPictures,
    device: torch.device,
) -> Expert:
    seen = replace(config, seed=seed, epochs=how.epochs, batch=how.batch, augmentation=how.augmentation, mixup=0.0)
    loader = BatchLoader(train, None, seen, device=device)
    head = [*expert.normalise.parameters(), *expert.classify.parameters()]
    groups = [{"params": expert.base.parameters(), "lr": how.learning_rate}, {"params": head, "lr": how.head_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=how.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [how.learning_rate, how.head_rate], total_steps=how.epochs * (len(train) // how.batch)
    )
    average, steps = copy.deepcopy(expert).eval(), 0
    for epoch in range(how.epochs):
        expert.train()
        for batch in loader.epoch(epoch):
            with torch.autocast(device.type, dtype=torch.bfloat16):
                logits = expert(batch.views)[2]
            loss = functional.cross_entropy(logits.float(), batch.labels, label_smoothing=how.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(expert.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            steps += 1
            update_ema(average, expert, config.averaging, steps)
        _log.info("expert %d, epoch %d: loss %.4f", seed, epoch + 1, float(loss.detach()))
    return average
