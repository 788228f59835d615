"""What a step minimises: the batch, the network with its training-only parts, and the weighted terms of the loss."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.hashing.losses import (
    bit_balance_loss,
    cauchy_pair_loss,
    cauchy_quantization_loss,
    contrastive_loss,
    cosine_margin_loss,
    map_distillation_loss,
    pairwise_likelihood_loss,
    polarization_loss,
    posterior_distillation_loss,
    quantization_loss,
    squared_triplet_loss,
    triplet_loss,
)
from engine.training.config import TrainingConfig
from engine.training.teacher import Lesson
from models.hashing import build_network
from models.matdh import Decoder
from models.network import PyramidEncoder

RELAXATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}


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
        if config.weights.classification:
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
        picture = student.decoder(maps) if weights.reconstruction else None
        projected = student.project_map(maps[2]) if batch.lesson else maps[-1]
    feature, logits = student.network.hash(maps[-1].float())
    on_codes = {
        name: torch.stack([term(u, targets[bits]) for bits, u in logits.items()]).mean()
        for name, term in _code_terms(batch, config).items()
        if getattr(weights, name)
    }
    terms = _feature_terms(student, feature, batch.labels, config) | on_codes
    if picture is not None:
        terms["reconstruction"] = functional.mse_loss(picture.float(), batch.views)
    if batch.lesson is not None:
        terms |= _taught_terms(student, (projected, feature, logits), batch.lesson, targets)
    return terms


def _feature_terms(student: Student, feature: Tensor, labels: Tensor, config: TrainingConfig) -> dict[str, Tensor]:
    terms = {}
    if config.weights.feature_triplet:
        terms["feature_triplet"] = triplet_loss(feature, labels, margin=config.margin, mining=config.mining)
    if config.weights.classification:
        terms["classification"] = functional.cross_entropy(student.classify(feature), labels)
    return terms


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


def _code_terms(batch: Batch, config: TrainingConfig) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Return the terms on a hash layer's output ``u`` and the codewords ``t`` of its length."""
    labels, relax = batch.labels, RELAXATIONS[config.relaxation]
    triplets = functools.partial(triplet_loss, labels=labels, margin=config.margin, mining=config.mining)
    return {
        "code_triplet": lambda u, t: triplets(relax(u)),
        "polarization": lambda u, t: (
            batch.share * polarization_loss(u, labels, t)
            + (1 - batch.share) * polarization_loss(u, batch.blended_labels, t)
        ),
        "squared_triplet": lambda u, t: squared_triplet_loss(u, labels),
        "contrastive": lambda u, t: contrastive_loss(u, labels),
        "quantization": lambda u, t: quantization_loss(u),
        "cauchy": lambda u, t: cauchy_pair_loss(u, labels),
        "cauchy_quantization": lambda u, t: cauchy_quantization_loss(u),
        "pairwise_likelihood": lambda u, t: pairwise_likelihood_loss(u, labels),
        "balance": lambda u, t: bit_balance_loss(u),
        "cosine_margin": lambda u, t: cosine_margin_loss(u, labels, t),
    }
