"""From pictures to figures: one cell, with or without quantization, or all of them."""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.artifacts import commit, find_result
from engine.encrypted_search.classifier import Prediction, load_classifier, network_input, predict
from engine.encrypted_search.networks import METHODS, NETWORKS, network_for
from engine.encrypted_search.pictures import load_split, read
from engine.encrypted_search.setting import SETTINGS
from engine.quantization.observers import MODES
from engine.studies.encrypted_search.figures import (
    Arrays,
    cell_figures,
    classified,
    describe,
    known,
    protocol,
    provenance,
)
from engine.studies.steps import Steps

if TYPE_CHECKING:
    from torch import Tensor, nn

QUANTIZATIONS = ("none", "max", "percentile", "kl", "full", "full-naive")
CALIBRATION_PICTURES = 200
ROUNDS = 7
BATCH = 16
Progress = Callable[[int, int], None]


def evaluate_setting(
    method: str, setting: str, quantization: str = "none", progress: Progress | None = None
) -> dict[str, Any]:
    """Measure a network in one setting on test pictures.

    Args:
        method: ``"vgg16"`` or ``"vit"``.
        setting: ``Setting.name``.
        quantization: One of ``QUANTIZATIONS``; calibrated with training pictures.
        progress: Called with (pictures done, pictures in all).

    Returns:
        Plain data: accuracy, precision and recall of each class, confusion, retrieval, bytes of the whole network in
        float32 and as measured, milliseconds a picture of both in the same rounds.

    Raises:
        SettingError: No network serves the setting.
        DataError: The anatomy pictures are not on this machine.
    """
    from engine.quantization.size import serialised_bytes

    exact, cell = load_classifier(method, setting), f"{method}/{setting}"
    queries, gallery = load_split("test"), load_split("train")
    asked, held = (read(setting, split.images, split.ids) for split in (queries, gallery))
    network = quantized(exact, quantization, held)
    answers = answer(network, asked, held, progress)
    arrays = known(queries, gallery) | {f"{cell}/{name}": values for name, values in answers.items()}
    return {
        **describe(method, setting),
        "quantization": quantization,
        "protocol": protocol(queries, gallery),
        **cell_figures(arrays, cell),
        "bytes": {"float32": serialised_bytes(exact), "measured": serialised_bytes(network)},
        "milliseconds_per_picture": milliseconds({"float32": exact, "measured": network}, network_input(asked[:BATCH])),
        "provenance": provenance([network_for(method, setting)]),
    }


def measure(
    progress: Progress, methods: Sequence[str] = METHODS, steps: Steps | None = None
) -> tuple[dict[str, Any], Arrays]:
    """Measure networks in every setting, as trained and in every quantization mode.

    Args:
        progress: Called with (settings done, settings in all).
        methods: Which networks.
        steps: Keeps each network's answers for a run that is stopped.

    Returns:
        The result file's data and the answers file's arrays.

    Raises:
        DataError: The anatomy pictures are not on this machine.
    """
    queries, gallery, steps = load_split("test"), load_split("train"), steps or Steps()
    arrays, rows, seconds = known(queries, gallery), [], dict.fromkeys(("pictures", *methods), 0.0)
    for done, setting in enumerate(SETTINGS, start=1):
        start = steps.clock()
        asked, held = (read(setting.name, split.images, split.ids) for split in (queries, gallery))
        seconds["pictures"] += steps.clock() - start
        for method in methods:
            cell, start = f"{method}/{setting.name}", steps.clock()
            answers = _answered(method, setting.name, asked, held, steps)
            arrays |= {f"{cell}/{name}": values for name, values in answers.items()}
            figures = cell_figures(arrays, cell)
            found = {**describe(method, setting.name), **figures, "quantized": modes(arrays, cell), "commit": commit()}
            rows.append(found)
            seconds[method] += steps.clock() - start
        progress(done, len(SETTINGS))
    names = [name for name, network in NETWORKS.items() if network.method in methods]
    took = {name: round(value, 1) for name, value in seconds.items()}
    facts = {"protocol": protocol(queries, gallery), "provenance": provenance(names), "seconds": took}
    return {**facts, "cells": rows}, arrays


def _answered(method: str, setting: str, asked: np.ndarray, held: np.ndarray, steps: Steps) -> Arrays:
    """All answers of a setting's network.

    Where no key changes what is read, one policy's pictures are byte for byte the other's: answered once.
    """

    def measured() -> Arrays:
        network = load_classifier(method, setting)
        queries, gallery = predict(network, asked), predict(network, held)
        return stored_answers(queries, gallery) | quantized_answers(network, queries.features, asked, held)

    seen = sha256(asked.tobytes() + held.tobytes()).hexdigest()
    served_by = network_for(method, setting)
    return steps.once(f"{served_by}-{seen[:16]}", measured, weights=(served_by,))


def joined(result: dict[str, Any], arrays: Arrays, folder: Path | None = None) -> tuple[dict[str, Any], Arrays]:
    """Add to what was measured the methods of the result file that were not measured anew, on the same pictures.

    Args:
        result: From :func:`measure`.
        arrays: From :func:`measure`.
        folder: Of the result file, which may be missing; ``models/results`` when None.
    """
    stored = find_result("encrypted_search", folder)
    if stored is None or stored[0]["provenance"]["data_sha256"] != result["provenance"]["data_sha256"]:
        return result, arrays
    old, answers = stored
    measured = {cell["method"] for cell in result["cells"]}
    kept = [cell for cell in old["cells"] if cell["method"] not in measured]
    networks = old["provenance"]["networks"] | result["provenance"]["networks"]
    cells = sorted(kept + result["cells"], key=lambda cell: METHODS.index(cell["method"]))
    merged = {
        "provenance": {**result["provenance"], "networks": networks},
        "seconds": old.get("seconds", {}) | result["seconds"],
        "cells": cells,
    }
    return {**result, **merged}, answers | arrays


def answer(network: "nn.Module", asked: np.ndarray, held: np.ndarray, progress: Progress | None = None) -> Arrays:
    """Let a network answer for every picture: predicted classes of the queries, 8-bit features of both sides.

    Args:
        network: From ``load_classifier``.
        asked: ``(Q, H, W, 3)`` uint8, what a network reads of the queries.
        held: ``(G, H, W, 3)`` uint8, what it reads of the gallery.
        progress: Called with (pictures done, pictures in all).
    """

    def after(before: int) -> Callable[[int], None] | None:
        return progress and (lambda done: progress(before + done, len(asked) + len(held)))

    return stored_answers(predict(network, asked, after(0)), predict(network, held, after(len(asked))))


def stored_answers(queries: Prediction, gallery: Prediction) -> Arrays:
    """Return predictions as an answers file keeps them."""
    # One step of an 8-bit feature, so that the gallery's largest keeps its value; all are 0 where nothing gets through.
    scale = float(np.abs(gallery.features).max()) / 127 or 1.0
    return {
        "predicted": queries.labels.astype(np.uint8),
        "queries": eight_bits(queries.features, scale),
        "gallery": eight_bits(gallery.features, scale),
        "scale": np.array(scale, np.float32),
    }


def eight_bits(features: np.ndarray, scale: float) -> np.ndarray:
    """Round features to int8 steps of ``scale``, clipping what lies beyond.

    Example:
        >>> eight_bits(np.array([0.4, -9.0]), scale=0.1).tolist()
        [4, -90]
    """
    return np.clip(np.round(features / scale), -127, 127).astype(np.int8)


def quantized_answers(network: "nn.Module", features: np.ndarray, asked: np.ndarray, held: np.ndarray) -> Arrays:
    """Return the classes of the queries that each quantized copy predicts, calibrated with gallery pictures.

    Args:
        network: From ``load_classifier``.
        features: ``(Q, D)`` float32, what the network itself makes of the queries.
        asked: As :func:`answer`.
        held: As :func:`answer`.
    """
    labels = {mode: _quantized_labels(network, mode, features, asked, held) for mode in QUANTIZATIONS[1:]}
    return {f"{mode}/predicted": found.astype(np.uint8) for mode, found in labels.items()}


def _quantized_labels(
    network: "nn.Module", mode: str, features: np.ndarray, asked: np.ndarray, held: np.ndarray
) -> np.ndarray:
    import torch

    copy = quantized(network, mode, held)
    if mode not in MODES:
        return predict(copy, asked).labels
    # Only the last layer is quantized: the features are the network's own.
    with torch.inference_mode():
        return copy.classify(torch.from_numpy(features)).argmax(dim=1).numpy()  # type: ignore[operator]


def modes(arrays: Arrays, cell: str) -> dict[str, dict[str, Any]]:
    """Compute the figures of every quantized copy of a cell's network from stored answers."""
    return {
        mode: classified(arrays["labels"], arrays[f"{cell}/{mode}/predicted"], arrays["classes"])
        for mode in QUANTIZATIONS[1:]
    }


def quantized(network: "nn.Module", quantization: str, held: np.ndarray) -> "nn.Module":
    """Return a network as it is, or its int8 copy.

    Args:
        network: From ``load_classifier``.
        quantization: One of ``QUANTIZATIONS``.
        held: ``(G, H, W, 3)`` uint8, what the network reads of training pictures; activations are calibrated with
            200 of them, spread evenly.
    """
    if quantization == "none":
        return network
    from engine.quantization import quantize

    chosen = np.linspace(0, len(held) - 1, CALIBRATION_PICTURES).astype(int)
    return quantize(network, quantization, network_input(held[chosen]))  # type: ignore[arg-type]


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
