"""One cell from pictures to figures, with or without quantization: what ``evaluate`` prints."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.encrypted_search.classifier import load_classifier, network_input
from engine.encrypted_search.networks import network_for
from engine.encrypted_search.pictures import Split, load_split, read
from engine.encrypted_search.report import answer, cell_figures, describe, known, protocol, provenance

if TYPE_CHECKING:
    from torch import Tensor, nn

QUANTIZATIONS = ("none", "max", "percentile", "kl", "full", "full-naive")
CALIBRATION_PICTURES = 200
ROUNDS = 7
BATCH = 16


def evaluate_setting(method: str, setting: str, quantization: str = "none") -> dict[str, Any]:
    """Measure a network in one setting on test pictures.

    Args:
        method: ``"vgg16"`` or ``"vit"``.
        setting: ``Setting.name``.
        quantization: One of ``QUANTIZATIONS``; calibrated with training pictures.

    Returns:
        Plain data: accuracy, precision and recall of each class, confusion, retrieval, bytes of the whole network in
        float32 and as measured, milliseconds a picture of both in the same rounds.

    Raises:
        SettingError: No network serves the setting.
        DataError: The anatomy pictures are not on this machine.
    """
    from engine.quantization.size import serialised_bytes

    exact = load_classifier(method, setting)
    queries, gallery = load_split("test"), load_split("train")
    network = quantized(exact, setting, quantization, gallery)
    arrays = known(queries, gallery) | answer(network, method, setting, queries, gallery)
    sample = network_input(read(setting, queries.images[:BATCH], queries.ids[:BATCH]))
    return {
        **describe(method, setting),
        "quantization": quantization,
        "protocol": protocol(queries, gallery),
        **cell_figures(arrays, method, setting),
        "bytes": {"float32": serialised_bytes(exact), "measured": serialised_bytes(network)},
        "milliseconds_per_picture": milliseconds({"float32": exact, "measured": network}, sample),
        "provenance": provenance([network_for(method, setting)]),
    }


def quantized(network: "nn.Module", setting: str, quantization: str, pictures: Split) -> "nn.Module":
    """Return a network as it is, or its int8 copy.

    Args:
        network: One that serves the setting.
        setting: ``Setting.name``.
        quantization: One of ``QUANTIZATIONS``.
        pictures: What activations are calibrated with: training pictures, spread evenly over them.
    """
    if quantization == "none":
        return network
    from engine.quantization import quantize

    chosen = np.linspace(0, len(pictures.labels) - 1, CALIBRATION_PICTURES).astype(int)
    calibration = read(setting, pictures.images[chosen], [pictures.ids[i] for i in chosen])
    return quantize(network, quantization, network_input(calibration))  # type: ignore[arg-type]


def milliseconds(networks: dict[str, "nn.Module"], batch: "Tensor") -> dict[str, float]:
    """Time networks in turns on one batch: the median of the rounds, milliseconds for one picture."""
    import torch

    seconds: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for name, network in networks.items():
                started = time.perf_counter()
                network(batch)
                seconds[name].append(time.perf_counter() - started)
    # The first round also chooses kernels.
    return {name: round(1e3 * float(np.median(found[1:])) / len(batch), 4) for name, found in seconds.items()}
