"""The methods of paper A's Tables 2 and 3 as data: what each changes in a preset. Everything else is the preset's.

Deviations that hold for all: one network with a head for each code length instead of one network a length; weights
start at random; batches are balanced over classes and sources, AdamW with one cycle, as for MATDH. The peak learning
rate is the better one of ``engine.training.config.RATES`` on the validation split, for every method alike; the one
named here is what the last ``python -m engine rivals`` found.
"""

from dataclasses import dataclass, replace
from typing import Any

from engine.training.config import NONE, RATES


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        title: Its name in tables.
        scaled: How its network differs from the published one, for the card.
        changes: Fields of :class:`engine.training.config.TrainingConfig`.
        ends_in: What the network gives.
        paper: Its name in paper A's tables; None where it is not there.
    """

    title: str
    scaled: str
    changes: dict[str, Any]
    ends_in: str = "hash heads for 16, 24, 32, 48 and 64 bits on one encoder"
    paper: str | None = None


METHODS: dict[str, Method] = {
    "matdh": Method("MATDH", "the paper's widths", {}, paper="MATDH"),
    "matdh-half": Method(
        "MATDH, half width", "half of the paper's widths", {"encoder": "rcesa-half", **RATES["slow"]}, paper="MATDH"
    ),
    # MATDH without spatial attention and without CLAHE; triplets weigh as much as the reconstruction.
    "tcdh": Method(
        "TCDH",
        "ResNet-18 layout with channel attention at half width",
        {
            "encoder": "tcdh",
            **RATES["slow"],
            "enhanced": False,
            "relaxation": "sigmoid",
            "weights": replace(NONE, feature_triplet=1.0, code_triplet=1.0, reconstruction=1.0),
        },
        paper="TCDH",
    ),
    "swth": Method(
        "SWTH-style",
        "Swin of two blocks a stage, a quarter of Swin-T's width, not pretrained; SWTH's hash loss is not public, "
        "deep Cauchy hashing's stands for it",
        {
            "encoder": "swin",
            **RATES["fast"],
            "weights": replace(NONE, cauchy=1.0, cauchy_quantization=0.1, classification=1.0),
        },
        paper="SWTH",
    ),
    "dpn": Method(
        "DPN",
        "ResNet-18 layout at half width, not pretrained",
        {"encoder": "resnet18", **RATES["slow"], "targets": "random", "weights": replace(NONE, polarization=1.0)},
        paper="DPN",
    ),
    "ash": Method(
        "ASH",
        "five residual blocks of 16 to 192 channels",
        # Both pictures of a pair carry 0.01, and every picture is in as many pairs.
        {"encoder": "ash", **RATES["slow"], "weights": replace(NONE, contrastive=1.0, quantization=0.02)},
        paper="ASH",
    ),
    "ath": Method(
        "ATH",
        "its own small residual network on one gray channel, last map averaged to 16 x 16 cells",
        {"encoder": "ath", **RATES["fast"], "weights": replace(NONE, squared_triplet=1.0, classification=1.0)},
        paper="ATH",
    ),
    "dbdh": Method(
        "DBDH",
        "ResNet-18 layout at half width, not pretrained; pairs inside a batch",
        {"encoder": "resnet18", **RATES["fast"], "weights": replace(NONE, pairwise_likelihood=1.0, balance=0.1)},
        paper="DBDH",
    ),
    "xmir": Method(
        "X-MIR",
        "DenseNet of four blocks of four layers, growth 16, not pretrained; 64 numbers, no bits",
        {"encoder": "densenet", **RATES["fast"], "weights": replace(NONE, feature_triplet=1.0)},
        ends_in="an embedding of 64 numbers of length 1, no bits",
        paper="X-MIR",
    ),
    "orthohash": Method(
        "OrthoHash",
        "ResNet-18 layout at half width, not pretrained",
        {"encoder": "resnet18", **RATES["slow"], "targets": "orthogonal", "weights": replace(NONE, cosine_margin=1.0)},
    ),
}
