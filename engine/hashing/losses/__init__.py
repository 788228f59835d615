"""Losses for deep hashing, one idea per file; the trainer adds them up."""

from engine.hashing.losses.cauchy import cauchy_pair_loss, cauchy_quantization_loss
from engine.hashing.losses.codewords import TARGETS, orthogonal_targets, random_targets
from engine.hashing.losses.contrastive import contrastive_loss, quantization_loss
from engine.hashing.losses.cosine import cosine_margin_loss
from engine.hashing.losses.distillation import map_distillation_loss, posterior_distillation_loss
from engine.hashing.losses.pairwise import bit_balance_loss, pairwise_likelihood_loss
from engine.hashing.losses.targets import hierarchical_targets, polarization_loss
from engine.hashing.losses.triplet import squared_triplet_loss, triplet_loss

__all__ = [
    "TARGETS",
    "bit_balance_loss",
    "cauchy_pair_loss",
    "cauchy_quantization_loss",
    "contrastive_loss",
    "cosine_margin_loss",
    "hierarchical_targets",
    "map_distillation_loss",
    "orthogonal_targets",
    "pairwise_likelihood_loss",
    "polarization_loss",
    "posterior_distillation_loss",
    "quantization_loss",
    "random_targets",
    "squared_triplet_loss",
    "triplet_loss",
]
