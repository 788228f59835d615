"""Encoders and networks of every hashing method, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.hashing.alexnet import AlexNetEncoder
from models.hashing.ash import ASHEncoder
from models.hashing.ath import ATHEncoder
from models.hashing.densenet import DenseNetEncoder
from models.hashing.resnet18 import HALF_CHANNELS, ResNet18Encoder
from models.hashing.resnet34 import ResNet34Encoder
from models.hashing.swin import SwinEncoder
from models.hashing.tcdh import TCDHEncoder
from models.matdh import ATTENTIONS, FEATURE_SIZE, Encoder
from models.network import EmbeddingNetwork, HashNetwork, MapEncoder

__all__ = ["ENCODERS", "Architecture", "build_encoder", "build_network"]
EMBEDDING_SIZE = 64


def _embedding(encoder: MapEncoder) -> HashNetwork:
    return EmbeddingNetwork(encoder, EMBEDDING_SIZE)


def _feature(encoder: MapEncoder) -> HashNetwork:
    return HashNetwork(encoder, FEATURE_SIZE)


@dataclass(frozen=True)
class Architecture:
    """An encoder and what stands on it.

    Attributes:
        encoder: From the attentions of RCESA modules to an untrained encoder; most have none and ignore them.
        network: From the encoder to the network: hash heads on its pooled map if nothing else is said.
    """

    encoder: Callable[[Sequence[str]], MapEncoder]
    network: Callable[[MapEncoder], HashNetwork] = HashNetwork


# MATDH, its ablations and TCDH have a 1000-d feature under the hash heads; X-MIR has an embedding and no heads.
ENCODERS: dict[str, Architecture] = {
    "rcesa": Architecture(Encoder, _feature),
    "rcesa-half": Architecture(lambda attentions: Encoder(attentions, HALF_CHANNELS), _feature),
    "alexnet": Architecture(lambda _: AlexNetEncoder(), _feature),
    "resnet34": Architecture(lambda _: ResNet34Encoder(), _feature),
    "tcdh": Architecture(lambda _: TCDHEncoder(), _feature),
    "resnet18": Architecture(lambda _: ResNet18Encoder()),
    "swin": Architecture(lambda _: SwinEncoder()),
    "densenet": Architecture(lambda _: DenseNetEncoder(), _embedding),
    "ath": Architecture(lambda _: ATHEncoder()),
    "ash": Architecture(lambda _: ASHEncoder()),
}


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
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {name!r}: use {', '.join(ENCODERS)}")
    return ENCODERS[name].encoder(attentions)


def build_network(name: str, attentions: Sequence[str] = ATTENTIONS) -> HashNetwork:
    """Return the untrained network around an encoder.

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
    return ENCODERS[name].network(encoder)
