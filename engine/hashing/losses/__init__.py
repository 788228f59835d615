"""Losses for deep hashing, one idea per file; ``LOSSES`` names what a method may weigh, and the trainer adds it up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from engine.hashing.losses.cauchy import cauchy_pair_loss, cauchy_quantization_loss
from engine.hashing.losses.codewords import TARGETS, orthogonal_targets, random_targets
from engine.hashing.losses.contrastive import contrastive_loss, quantization_loss
from engine.hashing.losses.cosine import cosine_margin_loss
from engine.hashing.losses.distillation import map_distillation_loss, posterior_distillation_loss
from engine.hashing.losses.pairwise import bit_balance_loss, pairwise_likelihood_loss
from engine.hashing.losses.targets import hierarchical_targets, polarization_loss
from engine.hashing.losses.triplet import squared_triplet_loss, triplet_loss

__all__ = [
    "LOSSES",
    "RELAXATIONS",
    "TARGETS",
    "Known",
    "Loss",
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

RELAXATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "sigmoid": torch.sigmoid}


@dataclass(frozen=True)
class Known:
    """What a loss may ask about a batch besides the network's outputs.

    Attributes:
        labels: ``(B,)`` int64.
        blended_labels: ``(B,)`` int64 labels of the pictures that were blended in.
        share: How much of each view is its own picture; the rest is the blended one's.
        margin: Triplet margin.
        mining: Which triplets count (:func:`triplet_loss`).
        relaxation: What squashes outputs for triplets on codes, a name in ``RELAXATIONS``.
        codewords: ``(C, K)`` -1 and +1 for the code length at hand; empty where the loss is not on codes.
    """

    labels: Tensor
    blended_labels: Tensor
    share: float = 1.0
    margin: float = 0.2
    mining: str = "batch-all"
    relaxation: str = "tanh"
    codewords: Tensor = field(default_factory=lambda: torch.empty(0))


@dataclass(frozen=True)
class Loss:
    """One term that a method may give a weight.

    Attributes:
        what: What it asks for, and whose it is.
        value: From outputs ``(B, K)`` float and what is known of the batch to a scalar.
        on: ``"codes"``: the hash layer's raw output, averaged over the code lengths; ``"feature"``: what lies under it.
    """

    what: str
    value: Callable[[Tensor, Known], Tensor]
    on: Literal["codes", "feature"] = "codes"


def _code_triplet(u: Tensor, known: Known) -> Tensor:
    relaxed = RELAXATIONS[known.relaxation](u)
    return triplet_loss(relaxed, known.labels, margin=known.margin, mining=known.mining)


def _polarization(u: Tensor, known: Known) -> Tensor:
    own, other = (polarization_loss(u, labels, known.codewords) for labels in (known.labels, known.blended_labels))
    return known.share * own + (1 - known.share) * other


LOSSES: dict[str, Loss] = {
    "feature_triplet": Loss(
        "triplets on the feature (paper A Eq. 9, second term)",
        lambda f, known: triplet_loss(f, known.labels, margin=known.margin, mining=known.mining),
        on="feature",
    ),
    "code_triplet": Loss("triplets on the relaxed codes (paper A Eq. 9, first term)", _code_triplet),
    "polarization": Loss("outputs beyond a margin on their class codeword's side (DPN)", _polarization),
    "squared_triplet": Loss(
        "triplets on squared distances (ATH)", lambda u, known: squared_triplet_loss(u, known.labels)
    ),
    "contrastive": Loss("pairs (ASH)", lambda u, known: contrastive_loss(u, known.labels)),
    "quantization": Loss("outputs near -1 or +1 (ASH)", lambda u, known: quantization_loss(u)),
    "cauchy": Loss("pairs (DCH)", lambda u, known: cauchy_pair_loss(u, known.labels)),
    "cauchy_quantization": Loss("outputs near -1 or +1 (DCH)", lambda u, known: cauchy_quantization_loss(u)),
    "pairwise_likelihood": Loss("pairs (DBDH)", lambda u, known: pairwise_likelihood_loss(u, known.labels)),
    "balance": Loss("as many ones as zeros (DBDH)", lambda u, known: bit_balance_loss(u)),
    "cosine_margin": Loss(
        "cosine to the class codeword (OrthoHash)",
        lambda u, known: cosine_margin_loss(u, known.labels, known.codewords),
    ),
}
