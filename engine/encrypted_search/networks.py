"""Which networks there are, which settings each serves, and how each is trained: as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.encrypted_search.setting import SETTINGS, SettingError

if TYPE_CHECKING:
    from torch import nn

METHODS = ("vgg16", "vit")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        settings: Settings of the training pictures, each batch one of them.
        epochs: Passes over the training split.
        learning_rate: Peak of the one-cycle schedule (AdamW).
        weight_decay: Decoupled decay.
        batch: Pictures a step.
        editions: Copies of the training pictures: the pictures themselves and others, shifted and mirrored.
        imagenet: Whether the stem is ImageNet's, and stays so: only what follows it is trained.
    """

    settings: tuple[str, ...]
    epochs: int
    learning_rate: float
    weight_decay: float
    batch: int
    editions: int
    imagenet: bool = False


@dataclass(frozen=True)
class Network:
    """One trained network.

    Attributes:
        method: ``"vgg16"`` or ``"vit"``.
        serves: Settings that it is measured in.
        recipe: How it is trained.
        arguments: Of its constructor.
        note: What a reader has to know.
    """

    method: str
    serves: tuple[str, ...]
    recipe: Recipe
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


_KEYLESS = (
    "It reads what no key changes (models.blocks.canonical_blocks), so it was never shown the owner's key, serves "
    "shared and fresh keys alike, and needs no training when keys change."
)
_TRAINED = ("fresh-16", "fresh-8", "fresh-4", "fresh-2")
_ENCRYPTED = tuple(setting.name for setting in SETTINGS if setting.block_size is not None)
_DENSE = {"width": 256, "cells": 2}

NETWORKS: dict[str, Network] = {
    "vgg16-plain": Network("vgg16", ("plain",), Recipe(("plain",), 10, 3e-4, 0.01, 50, 2, imagenet=True), _DENSE),
    "vgg16-encrypted": Network(
        "vgg16", _ENCRYPTED, Recipe(_TRAINED, 40, 3e-4, 0.01, 50, 2, imagenet=True), _DENSE, _KEYLESS
    ),
    "vit-plain": Network("vit", ("plain",), Recipe(("plain",), 12, 1e-3, 0.05, 50, 4)),
    "vit-encrypted": Network("vit", _ENCRYPTED, Recipe(_TRAINED, 30, 1e-3, 0.05, 50, 4), {}, _KEYLESS),
}


def network_for(method: str, setting: str) -> str:
    """Return the name of the network that serves a setting.

    Raises:
        SettingError: No network of this method was trained for it.
    """
    for name, network in NETWORKS.items():
        if network.method == method and setting in network.serves:
            return name
    measured = [s for network in NETWORKS.values() if network.method == method for s in network.serves]
    if not measured:
        raise SettingError(f'There is no method "{method}": choose one of {", ".join(METHODS)}.')
    raise SettingError(f'No {method} serves "{setting}": measured are {", ".join(measured)}.')


def build(method: str, arguments: Mapping[str, Any]) -> "nn.Module":
    """Build a network with random weights."""
    from models.vgg16 import VGG16
    from models.vit import ViT

    return {"vgg16": VGG16, "vit": ViT}[method](**arguments)
