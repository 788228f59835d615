"""Shipped networks that classify pictures, encrypted or not, and turn them into features to search by."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.artifacts import read_card as read_artifact_card
from engine.artifacts import weights_path
from engine.encrypted_search.networks import network_for
from engine.encrypted_search.setting import SettingError
from engine.hashing.hasher import reading_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 50


@dataclass(frozen=True)
class Prediction:
    """What a network says of pictures.

    Attributes:
        probabilities: ``(N, C)`` float32, rows add up to 1.
        features: ``(N, D)`` float32, what retrieval compares.
    """

    probabilities: np.ndarray
    features: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """``(N,)`` int64, the likeliest class of each picture."""
        return self.probabilities.argmax(axis=1)


def load_classifier(method: str, setting: str) -> "nn.Module":
    """Return the shipped network for a setting, in evaluation mode.

    One network may serve several settings; the last two are kept, so callers that change one copy it first.
    It takes ``(N, 3, 64, 64)`` float RGB, values 0..255, of what ``Setting.canonical`` makes of encrypted pictures,
    and returns the features ``(N, D)`` that retrieval compares and the logits ``(N, 3)`` of bone, brain and chest.

    Args:
        method: ``"vgg16"`` or ``"vit"``.
        setting: ``"plain"``, ``"shared-8"``, ``"fresh-8"`` and so on (``Setting.name``).

    Raises:
        SettingError: There is no such method or setting, no network was trained for it, or its weights are missing.
    """
    return _shipped(network_for(method, setting))


def load_quantized(method: str, setting: str, mode: str) -> "nn.Module":
    """Return the shipped network for a setting, quantized without calibration pictures.

    Weights are those of the calibrated network. In mode ``"full"`` activations are scaled as they come, where
    ``engine.studies.encrypted_search.measurement`` measures fixed scales from training pictures.

    Args:
        method: ``"vgg16"`` or ``"vit"``.
        setting: As for :func:`load_classifier`.
        mode: Of ``engine.quantization.quantize``, or ``"none"`` for the network as it is.

    Raises:
        SettingError: As for :func:`load_classifier`.
        QuantizationError: There is no such mode.
    """
    network = load_classifier(method, setting)
    return network if mode == "none" else _quantized(network, mode)


def predict(network: "nn.Module", pictures: np.ndarray, progress: Callable[[int], None] | None = None) -> Prediction:
    """Classify pictures and compute their features; equal pictures once, since blocks of one pixel leave all alike.

    Args:
        network: From :func:`load_classifier`, or one made from it.
        pictures: ``(N, H, W, 3)`` uint8, as ``Setting.canonical`` returns them.
        progress: Called after each batch with the number of pictures that are classified.

    Returns:
        The prediction.
    """
    import torch

    (distinct, place), probabilities, features = _distinct(pictures), [], []
    with torch.inference_mode():
        for start in range(0, len(distinct), BATCH):
            feature, logits = network(network_input(pictures[distinct[start : start + BATCH]]))
            probabilities.append(logits.float().softmax(dim=1).numpy())
            features.append(feature.float().numpy())
            if progress:
                following = distinct[start + BATCH :]
                progress(int(following[0]) if len(following) else len(pictures))
    return Prediction(np.concatenate(probabilities)[place], np.concatenate(features)[place])


def _distinct(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the first of all equal pictures, in their order, and for each picture its place among these."""
    seen: dict[bytes, int] = {}
    place = np.array([seen.setdefault(picture.tobytes(), len(seen)) for picture in pictures])
    return np.unique(place, return_index=True)[1], place


def network_input(pictures: np.ndarray) -> "Tensor":
    """Turn ``(N, H, W, 3)`` uint8 pictures into the ``(N, 3, H, W)`` float32 tensor that networks take."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()


def read_card(name: str, folder: Path | None = None) -> dict:
    """Return the card of a network: what it is, which data, how trained.

    Raises:
        SettingError: Its files are missing.
    """
    path = weights_path(name, folder)
    if not path.exists() or not path.with_suffix(".json").exists():
        raise SettingError(
            f"The weights {name} are not here: run `python -m engine train-network {name} --ship` to make them."
        )
    return read_artifact_card(name, folder)


def read_network(name: str, folder: Path | None = None) -> "nn.Module":
    """Build a network from its files.

    Raises:
        SettingError: They are missing or damaged.
    """
    import torch

    from engine.encrypted_search.networks import build
    from engine.encrypted_search.storage import load_network

    path = weights_path(name, folder)
    with reading_weights(path, SettingError):
        card = read_card(name, folder)
        network = build(card["method"], card["arguments"])
        network.load_state_dict(load_network(path))
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


# Two: a page turns one dial at a time, and a small machine has no room for all.
@functools.lru_cache(maxsize=2)
def _shipped(name: str) -> "nn.Module":
    return read_network(name)


@functools.lru_cache(maxsize=1)
def _quantized(network: "nn.Module", mode: str) -> "nn.Module":
    from engine.quantization import quantize

    return quantize(network, mode)  # type: ignore[arg-type]
