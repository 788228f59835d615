"""Encoders that can stand in for MATDH's RCESA modules; all are a :class:`models.matdh.PyramidEncoder`."""

from collections.abc import Sequence

from models.hashing.alexnet import AlexNetEncoder
from models.hashing.resnet34 import ResNet34Encoder
from models.matdh import ATTENTIONS, Encoder, PyramidEncoder

__all__ = ["ENCODERS", "AlexNetEncoder", "ResNet34Encoder", "build_encoder"]

ENCODERS = ("rcesa", "alexnet", "resnet34")


def build_encoder(name: str, attentions: Sequence[str] = ATTENTIONS) -> PyramidEncoder:
    """Return an untrained encoder.

    Args:
        name: One of ``ENCODERS``.
        attentions: Attentions of the RCESA modules; the other encoders have none.

    Raises:
        ValueError: There is no encoder of that name.

    Example:
        >>> [build_encoder(name).channels[-1] for name in ENCODERS]
        [512, 256, 512]
    """
    if name == "rcesa":
        return Encoder(attentions)
    if name == "alexnet":
        return AlexNetEncoder()
    if name == "resnet34":
        return ResNet34Encoder()
    raise ValueError(f"unknown encoder {name!r}: use {', '.join(ENCODERS)}")
