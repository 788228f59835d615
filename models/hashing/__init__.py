"""Encoders and networks of every hashing method, by name."""

from collections.abc import Callable, Sequence

from models.hashing.alexnet import AlexNetEncoder
from models.hashing.ash import ASHEncoder
from models.hashing.ath import ATHEncoder
from models.hashing.densenet import DenseNetEncoder
from models.hashing.resnet18 import HALF_CHANNELS, ResNet18Encoder
from models.hashing.resnet34 import ResNet34Encoder
from models.hashing.swin import SwinEncoder
from models.hashing.tcdh import TCDHEncoder
from models.matdh import ATTENTIONS, FEATURE_SIZE, MATDH, Encoder
from models.network import EmbeddingNetwork, HashNetwork, MapEncoder, PyramidEncoder

__all__ = ["ENCODERS", "build_encoder", "build_network"]

_WITHOUT_ATTENTIONS: dict[str, Callable[[], MapEncoder]] = {
    "alexnet": AlexNetEncoder,
    "resnet34": ResNet34Encoder,
    "tcdh": TCDHEncoder,
    "resnet18": ResNet18Encoder,
    "swin": SwinEncoder,
    "densenet": DenseNetEncoder,
    "ath": ATHEncoder,
    "ash": ASHEncoder,
}
ENCODERS = ("rcesa", "rcesa-half", *_WITHOUT_ATTENTIONS)
EMBEDDING_SIZE = 64


def build_encoder(name: str, attentions: Sequence[str] = ATTENTIONS) -> MapEncoder:
    """Return an untrained encoder.

    Args:
        name: One of ``ENCODERS``.
        attentions: Attentions of the RCESA modules; the other encoders have none.

    Raises:
        ValueError: There is no encoder of that name.

    Example:
        >>> [build_encoder(name).channels[-1] for name in ENCODERS]
        [512, 256, 256, 512, 256, 256, 192, 124, 1024, 192]
    """
    if name == "rcesa":
        return Encoder(attentions)
    if name == "rcesa-half":
        return Encoder(attentions, HALF_CHANNELS)
    if name in _WITHOUT_ATTENTIONS:
        return _WITHOUT_ATTENTIONS[name]()
    raise ValueError(f"unknown encoder {name!r}: use {', '.join(ENCODERS)}")


def build_network(name: str, attentions: Sequence[str] = ATTENTIONS) -> HashNetwork:
    """Return the untrained network around an encoder.

    MATDH, its ablations and TCDH have a 1000-d feature under the hash heads; X-MIR's DenseNet has an embedding and no
    heads; in all others the heads stand on the encoder's pooled map.

    Args:
        name: One of ``ENCODERS``.
        attentions: Attentions of the RCESA modules.

    Raises:
        ValueError: There is no encoder of that name.

    Example:
        >>> [build_network(name).feature_size for name in ("rcesa", "tcdh", "resnet18", "densenet")]
        [1000, 1000, 256, 64]
    """
    encoder = build_encoder(name, attentions)
    if name == "densenet":
        return EmbeddingNetwork(encoder, EMBEDDING_SIZE)
    if name == "tcdh":
        return HashNetwork(encoder, FEATURE_SIZE)
    if isinstance(encoder, PyramidEncoder) and name != "resnet18":
        return MATDH(encoder=encoder)
    return HashNetwork(encoder)
