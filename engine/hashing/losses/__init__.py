"""Losses for deep hashing, one idea per file; the trainer adds them up."""

from engine.hashing.losses.distillation import map_distillation_loss, posterior_distillation_loss
from engine.hashing.losses.targets import hierarchical_targets, polarization_loss
from engine.hashing.losses.triplet import triplet_loss

__all__ = [
    "hierarchical_targets",
    "map_distillation_loss",
    "polarization_loss",
    "posterior_distillation_loss",
    "triplet_loss",
]
