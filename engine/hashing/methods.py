"""Every hashing method as data: what it is called, which encoder it has, what it gives and how it is trained.

One entry makes a method known to the hasher, the command line, the studies and the pages. Nothing here needs torch.

Deviations that hold for all but MATDH: one network with a head for each code length instead of one network a length;
weights start at random; batches are balanced over classes and sources, AdamW with one cycle, as for MATDH. The peak
learning rate is the better one of ``engine.training.config.RATES`` on the validation split, for every method alike;
the one named here is what the last ``python -m engine baselines`` found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        title: Its name in tables.
        encoder: Name in ``models.hashing.ENCODERS``.
        scaled: How its network differs from the published one, for the card.
        paper: Its name in paper A's tables; None where it is not there.
        bits: Whether it gives binary codes; features of a method without bits are ranked by Euclidean distance.
        losses: Weight of each term of its loss (``engine.hashing.losses.LOSSES``, and the terms on its own parts);
            None for the preset's.
        rate: Name in ``engine.training.config.RATES``; None for the preset's.
        training: Further fields of ``engine.training.config.TrainingConfig`` that it changes.
    """

    title: str
    encoder: str
    scaled: str
    paper: str | None = None
    bits: bool = True
    losses: Mapping[str, float] | None = None
    rate: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ends_in(self) -> str:
        """What the network gives, in words for its card."""
        if self.bits:
            return "hash heads for 16, 24, 32, 48 and 64 bits on one encoder"
        return "an embedding of 64 numbers of length 1, no bits"


METHODS: dict[str, Method] = {
    "matdh": Method("MATDH", "rcesa", "the paper's widths", "MATDH"),
    "matdh-half": Method("MATDH, half width", "rcesa-half", "half of the paper's widths", "MATDH", rate="slow"),
    # MATDH without spatial attention and without CLAHE; triplets weigh as much as the reconstruction.
    "tcdh": Method(
        "TCDH",
        "tcdh",
        "ResNet-18 layout with channel attention at half width",
        "TCDH",
        losses={"feature_triplet": 1.0, "code_triplet": 1.0, "reconstruction": 1.0},
        rate="slow",
        training={"enhanced": False, "relaxation": "sigmoid"},
    ),
    "swth": Method(
        "SWTH-style",
        "swin",
        "Swin of two blocks a stage, a quarter of Swin-T's width, not pretrained; SWTH's hash loss is not public, "
        "deep Cauchy hashing's stands for it",
        "SWTH",
        losses={"cauchy": 1.0, "cauchy_quantization": 0.1, "classification": 1.0},
        rate="fast",
    ),
    "dpn": Method(
        "DPN",
        "resnet18",
        "ResNet-18 layout at half width, not pretrained",
        "DPN",
        losses={"polarization": 1.0},
        rate="slow",
        training={"targets": "random"},
    ),
    "ash": Method(
        "ASH",
        "ash",
        "five residual blocks of 16 to 192 channels",
        "ASH",
        # Both pictures of a pair carry 0.01, and every picture is in as many pairs.
        losses={"contrastive": 1.0, "quantization": 0.02},
        rate="slow",
    ),
    "ath": Method(
        "ATH",
        "ath",
        "its own small residual network on one gray channel, last map averaged to 16 x 16 cells",
        "ATH",
        losses={"squared_triplet": 1.0, "classification": 1.0},
        rate="fast",
    ),
    "dbdh": Method(
        "DBDH",
        "resnet18",
        "ResNet-18 layout at half width, not pretrained; pairs inside a batch",
        "DBDH",
        losses={"pairwise_likelihood": 1.0, "balance": 0.1},
        rate="fast",
    ),
    "orthohash": Method(
        "OrthoHash",
        "resnet18",
        "ResNet-18 layout at half width, not pretrained",
        losses={"cosine_margin": 1.0},
        rate="slow",
        training={"targets": "orthogonal"},
    ),
    "xmir": Method(
        "X-MIR",
        "densenet",
        "DenseNet of four blocks of four layers, growth 16, not pretrained; 64 numbers, no bits",
        "X-MIR",
        bits=False,
        losses={"feature_triplet": 1.0},
        rate="fast",
    ),
}
CODE_METHODS = tuple(name for name, method in METHODS.items() if method.bits)
