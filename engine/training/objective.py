"""What a step minimises: the batch, the network with its training-only parts, and the weighted terms of the loss."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.hashing.losses import LOSSES, Known, map_distillation_loss, posterior_distillation_loss
from engine.training.config import TrainingConfig
from engine.training.teacher import Lesson
from models.hashing import build_network
from models.matdh import Decoder
from models.network import PyramidEncoder


@dataclass(frozen=True)
class Batch:
    """One step's data.

    Attributes:
        views: ``(B, 1, S, S)`` float32.
        labels: ``(B,)`` int64.
        lesson: What is taught about the views, if there is a teacher.
        share: How much of each view is its own picture; the rest is the blended one's.
        blended_labels: ``(B,)`` int64 labels of the blended pictures.
    """

    views: Tensor
    labels: Tensor
    lesson: Lesson | None
    share: float
    blended_labels: Tensor

    def taught(self, lesson: Lesson) -> "Batch":
        """Return the batch with what a teacher said about its views."""
        return replace(self, lesson=lesson)


def blend(batch: Batch, share: float, order: np.ndarray) -> Batch:
    """Blend every picture with another of its batch (mixup, Zhang et al., ICLR 2018).

    Args:
        batch: Plain pictures, about which nothing has been taught yet.
        share: Weight of a picture itself, 0.5..1.
        order: ``(B,)`` position of each picture's partner.
    """
    views = share * batch.views + (1 - share) * batch.views[order]
    return replace(batch, views=views, share=share, blended_labels=batch.labels[order])


class Student(nn.Module):
    """A network with the parts only training needs: decoder, projections onto the teacher's, classifier.

    Args:
        config: Which network.
        classes: Number of labels.
        lesson_sizes: Channels of the maps and of the pooled features that are taught; None without a teacher.
    """

    def __init__(self, config: TrainingConfig, classes: int, lesson_sizes: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.network = build_network(config.encoder, config.attentions)
        encoder, size = self.network.encoder, self.network.feature_size
        if isinstance(encoder, PyramidEncoder):
            self.decoder = Decoder(encoder.channels)
            if lesson_sizes is not None:
                self.project_map = nn.Conv2d(encoder.channels[2], lesson_sizes[0], 1)
                self.project_feature = nn.Linear(size, lesson_sizes[1])
        if config.weights.get("classification"):
            self.classify = nn.Linear(size, classes)


def loss_terms(
    student: Student, batch: Batch, config: TrainingConfig, targets: Mapping[int, Tensor]
) -> dict[str, Tensor]:
    """Return every term of the loss that ``config.weights`` does not switch off, unweighted.

    A term on codes is the mean over the code lengths, whose heads are trained together.

    Args:
        student: In training mode.
        batch: One step's data.
        config: How the network is trained.
        targets: For every code length, ``(C, bits)`` codewords.
    """
    views = batch.views.contiguous(memory_format=torch.channels_last)
    weights = config.weights
    with torch.autocast(views.device.type, dtype=torch.bfloat16):
        maps = student.network.encoder(views)
        picture = student.decoder(maps) if weights.get("reconstruction") else None
        projected = student.project_map(maps[2]) if batch.lesson else maps[-1]
    feature, logits = student.network.hash(maps[-1].float())
    terms = output_terms(feature, logits, _known(batch, config), weights, targets)
    if weights.get("classification"):
        terms["classification"] = functional.cross_entropy(student.classify(feature), batch.labels)
    if picture is not None:
        terms["reconstruction"] = functional.mse_loss(picture.float(), batch.views)
    if batch.lesson is not None:
        terms |= _taught_terms(student, (projected, feature, logits), batch.lesson, targets)
    return terms


def output_terms(
    feature: Tensor,
    logits: Mapping[int, Tensor],
    known: Known,
    weights: Mapping[str, float],
    targets: Mapping[int, Tensor],
) -> dict[str, Tensor]:
    """Return every term of ``LOSSES`` that has a weight, unweighted.

    Args:
        feature: ``(B, F)`` float.
        logits: For every code length the hash layer's raw output ``(B, bits)``.
        known: What is known of the batch.
        weights: Of the terms; 0 or nothing switches one off.
        targets: For every code length ``(C, bits)`` codewords.
    """
    terms = {}
    for name, loss in LOSSES.items():
        if not weights.get(name):
            continue
        if loss.on == "feature":
            terms[name] = loss.value(feature, known)
            continue
        values = [loss.value(u, replace(known, codewords=targets[bits])) for bits, u in logits.items()]
        terms[name] = torch.stack(values).mean()
    return terms


def _known(batch: Batch, config: TrainingConfig) -> Known:
    return Known(batch.labels, batch.blended_labels, batch.share, config.margin, config.mining, config.relaxation)


def _taught_terms(
    student: Student, seen: tuple[Tensor, Tensor, dict[int, Tensor]], lesson: Lesson, targets: Mapping[int, Tensor]
) -> dict[str, Tensor]:
    projected, feature, logits = seen
    expected = [posterior_distillation_loss(u, lesson.posterior, targets[bits]) for bits, u in logits.items()]
    return {
        "map_distillation": map_distillation_loss(projected, lesson.maps),
        "feature_distillation": functional.smooth_l1_loss(student.project_feature(feature), lesson.pooled),
        "posterior_distillation": torch.stack(expected).mean(),
    }
