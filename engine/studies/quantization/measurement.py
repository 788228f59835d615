"""Measure quantized networks: what they answer, weigh and cost in time, into one result file."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.artifacts import commit, find_result, load_arrays, machine, save_result
from engine.quantization.compilation import Compiled
from engine.quantization.kernels import int8_engine
from engine.quantization.layers import Scope, float_copy, split_attention, weight_layers
from engine.quantization.modes import AnyMode, quantize
from engine.quantization.naive import naive_full
from engine.quantization.observers import (
    GRANULARITIES,
    LEVELS,
    MODES,
    Granularity,
    QuantizationError,
    magnitude_histogram,
)
from engine.quantization.size import formula_bytes, papers_network, serialised_bytes
from engine.quantization.tuning import EPOCHS, quantize_then_tune, stem_of
from engine.studies.quantization.figures import (
    DECIMALS,
    EXACT,
    TUNED,
    figures,
    nearest_others,
    tuned_name,
    variant_name,
)
from engine.studies.quantization.subjects import SUBJECTS, Subject, load_subject

RESULT = "quantization"
BATCH = 32
# The float network without Python between its layers and with its normalisations folded in: what int8 alone brings.
COMPILED = "fp32-compiled"
TIMED = (EXACT, "max-last-tensor", "max-all-channel", "full")
TIMED_BATCHES = {1: 40, 16: 10}
WARM_UP = 2
PASSES = 3
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Variant:
    """One way to quantize a network.

    Attributes:
        mode: A mode of :func:`engine.quantization.quantize`.
        scope: Which layers' weights are int8.
        granularity: Scales per tensor or per output channel.
        make: Builds it from a subject.
    """

    mode: str
    scope: Scope
    granularity: Granularity
    make: Callable[[Subject], nn.Module]


def _variants() -> dict[str, Variant]:
    """Every variant by name, the paper's three modes first."""
    found = {
        variant_name(mode, scope, granularity): Variant(
            mode, scope, granularity, _by_quantize(mode, scope, granularity)
        )
        for scope in ("last", "all")
        for mode in MODES
        for granularity in GRANULARITIES
    }
    naive = {
        "naive-parameters": {"activations": False},
        "naive-unscaled": {"activations": False, "rescale": False},
        "full-naive": {},
    }
    found["full"] = Variant("full", "all", "channel", lambda s: quantize(s.network, "full", s.calibration))
    for name, options in naive.items():
        found[name] = Variant("full-naive", "all", "tensor", _by_naive(options))
    return found


def _by_quantize(mode: AnyMode, scope: Scope, granularity: Granularity) -> Callable[[Subject], nn.Module]:
    return lambda subject: quantize(subject.network, mode, scope=scope, granularity=granularity)


def _by_naive(options: dict[str, bool]) -> Callable[[Subject], nn.Module]:
    return lambda subject: naive_full(float_copy(subject.network), **options)


VARIANTS = _variants()


def measure(name: str, progress: Progress) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure one network in every variant.

    Args:
        name: One of ``SUBJECTS``.
        progress: Called with (variants done, variants in all).

    Returns:
        The result file's entry, and the arrays that its figures follow from.
    """
    subject = load_subject(name)
    networks = {EXACT: subject.network} | {key: variant.make(subject) for key, variant in VARIANTS.items()}
    arrays = subject.known | _answers(subject, networks, progress)
    whole = _split(subject.network)
    layers = weight_layers(whole)
    found = figures(subject.task, arrays, networks)
    for key, network in networks.items():
        found[key] |= _size(whole, network, key)
    entry = {
        "short": subject.short,
        "title": subject.title,
        "task": subject.task,
        "classes": subject.known["classes"].tolist(),
        "weights": sum(layer.weight.numel() for layer in layers.values()),
        "layers": {layer_name: list(layer.weight.shape) for layer_name, layer in layers.items()},
        "last": list(weight_layers(whole, "last")),
        "layer": subject.layer,
        "thresholds": {layer_name: _thresholds(networks, layer_name) for layer_name in layers},
        "variants": found,
        "latency": latency(timed_networks(subject, networks), subject.inputs),
        "provenance": subject.provenance | _machine(),
    }
    return entry, arrays | histograms(layers)


def time_again(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Time a network that is measured already, when the machine is quieter or another one.

    Args:
        name: One of ``SUBJECTS``.
        folder: Where the result file is.

    Returns:
        Its entry with new times.

    Raises:
        QuantizationError: It has not been measured yet.
    """
    stored, subject = _measured(name, folder), load_subject(name)
    networks = {EXACT: subject.network} | {key: VARIANTS[key].make(subject) for key in TIMED if key != EXACT}
    times = latency(timed_networks(subject, networks), subject.inputs)
    return stored | {"latency": times, "provenance": stored["provenance"] | _machine()}


def tune(name: str, progress: Progress, folder: Path | None = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Quantize the last layer, train the rest on (paper B Algorithm 3), and measure that beside what is measured.

    Args:
        name: One of ``SUBJECTS`` with training pictures.
        progress: Called with (networks done, networks in all).
        folder: Where the result files are.

    Returns:
        The network's entry and arrays with the tuned networks, and a control tuned in float, added.

    Raises:
        QuantizationError: It has not been measured yet, or Algorithm 3 is not about it.
    """
    stored, subject = _measured(name, folder), load_subject(name)
    if subject.training is None:
        raise QuantizationError(f"Paper B's Algorithm 3 is not about {name}: tune vgg16 or vit.")
    pictures, labels = subject.training
    stems = stem_of(subject.network, pictures)
    networks = {tuned_name(mode): quantize_then_tune(subject.network, stems, labels, mode) for mode in (None, *MODES)}
    every = load_arrays(RESULT, folder)
    arrays = {key.partition("/")[2]: array for key, array in every.items() if key.startswith(f"{name}/")}
    arrays |= _answers(subject, networks, progress)
    found = figures(subject.task, arrays, networks)
    for key, network in networks.items():
        found[key] |= _size(subject.network, network, key)
    tuning = f"{EPOCHS} passes over {len(labels)} training pictures"
    return stored | {"variants": stored["variants"] | found, "tuning": tuning}, arrays


def _measured(name: str, folder: Path | None) -> dict[str, Any]:
    found = find_result(RESULT, folder)
    if found is None or name not in found[0]["networks"]:
        raise QuantizationError(f"{name} is not measured yet: run `python -m engine quantize {name} --save` first.")
    return found[0]["networks"][name]


def _split(network: nn.Module) -> nn.Module:
    """Return a copy whose attention shows its weights as layers."""
    copied = float_copy(network)
    split_attention(copied)
    return copied


def histograms(layers: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
    """Return ``histograms`` ``(L, 2048)`` of each layer's ``|w|``, and ``peaks`` ``(L,)``, where each one ends."""
    weights = [layer.get_parameter("weight").detach().cpu().float().numpy() for layer in layers.values()]
    return {
        "histograms": np.stack([magnitude_histogram(weight) for weight in weights]).astype(np.uint32),
        "peaks": np.array([np.abs(weight).max() for weight in weights], np.float32),
    }


def _thresholds(networks: Mapping[str, nn.Module], layer: str) -> dict[str, dict[str, Any]]:
    """Threshold by mode: one of the whole layer, and the least, the middle and the greatest of its channels."""
    found: dict[str, dict[str, Any]] = {}
    for mode in MODES:
        scales = {
            kind: networks[f"{mode}-all-{kind}"].get_submodule(layer).get_buffer("scale") for kind in GRANULARITIES
        }
        whole, parts = (LEVELS * scales[kind].numpy().astype(float) for kind in GRANULARITIES)
        found[mode] = {
            "tensor": round(float(whole[0]), DECIMALS),
            "channel": [round(float(value), DECIMALS) for value in np.quantile(parts, (0, 0.5, 1))],
        }
    return found


def _answers(subject: Subject, networks: Mapping[str, nn.Module], progress: Progress) -> dict[str, np.ndarray]:
    """What every variant says of every picture. Where only the last layer differs, the rest is computed once."""
    found: dict[str, np.ndarray] = {}
    exact = torch.empty(0)
    for done, (key, network) in enumerate(networks.items(), 1):
        if key in VARIANTS and VARIANTS[key].scope == "last":
            with torch.inference_mode():
                found[key] = subject.read(network.get_submodule(subject.layer)(exact))
        else:
            features, found[key] = run(subject, network)
            exact = features if key == EXACT else exact
            if subject.task == "classification":
                found[f"{key}/nearest"] = nearest_others(features.numpy())
        progress(done, len(networks))
    return found


def run(subject: Subject, network: nn.Module) -> tuple[Tensor, np.ndarray]:
    """Return a network's features and answers, computed batch by batch."""
    features, answers = [], []
    with torch.inference_mode():
        for start in range(0, len(subject.inputs), BATCH):
            feature, last = subject.output(network(subject.inputs[start : start + BATCH]))
            features.append(feature)
            answers.append(subject.read(last))
    return torch.cat(features), np.concatenate(answers)


def _size(exact: nn.Module, network: nn.Module, key: str) -> dict[str, int]:
    """Bytes by the paper's formula and as one file; rounded floats of the naive modes would be stored as int8."""
    if key.removesuffix(TUNED) == EXACT:
        return {"formula_bytes": formula_bytes(exact), "file_bytes": serialised_bytes(exact)}
    variant = VARIANTS[key.removesuffix(TUNED)]
    size = {"formula_bytes": formula_bytes(exact, tuple(weight_layers(exact, variant.scope)), variant.granularity)}
    return size if variant.mode == "full-naive" else size | {"file_bytes": serialised_bytes(network)}


def timed_networks(subject: Subject, networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return what is timed: the variants of ``TIMED``, and the float network compiled as the full int8 one is."""
    return {key: networks[key] for key in TIMED} | {COMPILED: Compiled(subject.network)}


def latency(networks: Mapping[str, nn.Module], inputs: Tensor) -> dict[str, dict[str, list[float]]]:
    """Time networks in turns, in rounds, so that other work on the machine slows all of a round alike.

    Args:
        networks: By name, ``"fp32"`` and ``"fp32-compiled"`` among them.
        inputs: Pictures; the first ones are used.

    Returns:
        By batch size and name ``[milliseconds, x, y]``: the median over rounds of the median of the passes of a turn;
        and of the time of ``"fp32"`` (x) and of ``"fp32-compiled"`` (y) in the same round over its own.
    """
    found = {}
    for size, rounds in TIMED_BATCHES.items():
        batch = inputs[:size].contiguous(memory_format=torch.channels_last)
        times = [[_milliseconds(network, batch) for network in networks.values()] for _ in range(rounds + WARM_UP)]
        columns = dict(zip(networks, np.array(times[WARM_UP:]).T, strict=True))
        found[str(size)] = {
            name: [
                round(float(np.median(values)), 3)
                for values in (spent, columns[EXACT] / spent, columns[COMPILED] / spent)
            ]
            for name, spent in columns.items()
        }
    return found


def _milliseconds(network: nn.Module, batch: Tensor) -> float:
    spent = []
    with torch.inference_mode():
        for _ in range(PASSES):
            start = time.perf_counter()
            network(batch)
            spent.append(1000 * (time.perf_counter() - start))
    return statistics.median(spent)


def _machine() -> dict[str, Any]:
    return {
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "int8_engine": int8_engine(),
        "seed": 0,
        "commit": commit(),
    }


def save(
    entries: Mapping[str, dict[str, Any]], arrays: Mapping[str, Mapping[str, np.ndarray]], folder: Path | None = None
) -> Path:
    """Write ``quantization.json`` and ``quantization.npz``; networks measured earlier stay in them.

    Args:
        entries: Result of :func:`measure` by network.
        arrays: Its arrays by network; a network without any keeps those it has.
        folder: Where to.

    Returns:
        The JSON file's path.
    """
    kept, stored = find_result(RESULT, folder) or ({"networks": {}}, {})
    networks = kept["networks"] | dict(entries)
    stored = {name: array for name, array in stored.items() if name.split("/")[0] not in arrays}
    for name, group in arrays.items():
        stored |= {f"{name}/{key}": array for key, array in group.items()}
    ordered = {name: networks[name] for name in _order(networks)}
    return save_result(RESULT, {"papers_vgg16": papers_network(), "networks": ordered}, stored, folder)


def _order(names: Mapping[str, Any]) -> Sequence[str]:
    return [name for name in SUBJECTS if name in names] + [name for name in names if name not in SUBJECTS]
