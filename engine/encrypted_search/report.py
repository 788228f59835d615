"""Measure how well encrypted pictures are classified and searched: one cell for each network and setting.

Figures are computed from stored answers alone, so that the answers file is enough to check the result file.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.datasets import data_hash, load_dataset
from engine.encrypted_search.classifier import Prediction, load_classifier, predict, read_card
from engine.encrypted_search.networks import NETWORKS, network_for
from engine.encrypted_search.pictures import COLLECTION, Split, load_split, read
from engine.encrypted_search.setting import Setting
from engine.evaluation import (
    average_precision,
    bootstrap_interval,
    confusion_matrix,
    precision_curve,
    precision_per_class,
    recall_per_class,
)
from engine.hashing.evaluate import INTERVAL_POLICY, commit

if TYPE_CHECKING:
    from torch import nn

DECIMALS = 6
PROTOCOL = (
    "64x64 anatomy pictures, encrypted with published keys, substitution 0-255; the network reads what no key "
    "changes; test pictures ask, the training split answers by Euclidean distance of 8-bit features"
)
CAVEAT = "Sixteen byte-identical brain pictures cross the collection's splits; no split here was changed for it."
Arrays = dict[str, np.ndarray]
Progress = Callable[[int, int], None]


def cells() -> list[tuple[str, str]]:
    """Return every measured pair of method and setting."""
    return [(network.method, setting) for network in NETWORKS.values() for setting in network.serves]


def measure(progress: Progress) -> tuple[dict[str, Any], Arrays]:
    """Measure every cell.

    Args:
        progress: Called with (cells done, cells in all).

    Returns:
        The result file's data and the answers file's arrays.

    Raises:
        DataError: The anatomy pictures are not on this machine.
    """
    queries, gallery = load_split("test"), load_split("train")
    arrays = known(queries, gallery)
    rows = []
    for done, (method, setting) in enumerate(cells()):
        arrays |= answer(load_classifier(method, setting), method, setting, queries, gallery)
        rows.append({**describe(method, setting), **cell_figures(arrays, method, setting)})
        progress(done + 1, len(cells()))
    return {"protocol": protocol(queries, gallery), "provenance": provenance(NETWORKS), "cells": rows}, arrays


def known(queries: Split, gallery: Split) -> Arrays:
    """Return what an answers file says of the pictures: classes, labels and ids of both sides."""
    return {
        "classes": np.array(queries.classes),
        "labels": queries.labels,
        "gallery_labels": gallery.labels,
        "ids": np.array(queries.ids),
        "gallery_ids": np.array(gallery.ids),
    }


def answer(network: "nn.Module", method: str, setting: str, queries: Split, gallery: Split) -> Arrays:
    """Let a network answer for every picture: predicted classes of the queries, 8-bit features of both sides.

    Args:
        network: One that serves the setting.
        method: ``"vgg16"`` or ``"vit"``; with the setting it names the arrays.
        setting: ``Setting.name``.
        queries: Pictures that ask.
        gallery: Pictures that answer.
    """
    asked = predict(network, read(setting, queries.images, queries.ids))
    held = predict(network, read(setting, gallery.images, gallery.ids))
    scale = feature_scale(held)
    found = {
        "predicted": asked.labels.astype(np.uint8),
        "queries": eight_bits(asked.features, scale),
        "gallery": eight_bits(held.features, scale),
        "scale": np.array(scale, np.float32),
    }
    return {f"{method}/{setting}/{name}": values for name, values in found.items()}


def feature_scale(prediction: Prediction) -> float:
    """What one step of an 8-bit feature stands for, so that the largest one keeps its value."""
    return float(np.abs(prediction.features).max()) / 127 or 1.0


def eight_bits(features: np.ndarray, scale: float) -> np.ndarray:
    """Round features to int8 steps of ``scale``, clipping what lies beyond."""
    return np.clip(np.round(features / scale), -127, 127).astype(np.int8)


def describe(method: str, setting: str) -> dict[str, Any]:
    """Return what a cell is: method, setting, its dials and the network that serves it."""
    chosen = Setting.named(setting)
    return {
        "method": method,
        "setting": setting,
        "block_size": chosen.block_size,
        "policy": chosen.policy if chosen.block_size else None,
        "network": network_for(method, setting),
    }


def cell_figures(arrays: Mapping[str, np.ndarray], method: str, setting: str) -> dict[str, Any]:
    """Compute a cell's figures from stored answers.

    Args:
        arrays: Of the answers file.
        method: ``"vgg16"`` or ``"vit"``.
        setting: ``Setting.name``.

    Returns:
        Plain data; a figure with an interval is ``[mean, low, high]``, 95 % bootstrap over pictures.
    """
    predicted, queries, gallery = (arrays[f"{method}/{setting}/{name}"] for name in ("predicted", "queries", "gallery"))
    ranking = (queries.astype(np.float32), arrays["labels"], gallery.astype(np.float32), arrays["gallery_labels"])
    precision = precision_curve(*ranking, n=10)
    return classified(arrays["labels"], predicted, arrays["classes"]) | {
        "map": interval(average_precision(*ranking)),
        "p_at_1": interval(precision[:, 0]),
        "p_at_5": interval(precision[:, 4]),
        "p_at_10": interval(precision[:, 9]),
    }


def classified(labels: np.ndarray, predicted: np.ndarray, classes: Iterable[str]) -> dict[str, Any]:
    """Compare predicted classes with the truth.

    Args:
        labels: ``(N,)`` positions in ``classes``.
        predicted: ``(N,)`` positions in ``classes``.
        classes: Class names.

    Returns:
        Accuracy with its interval, right and count, precision and recall of each class, confusion of counts.
    """
    names = [str(name) for name in classes]
    counts = confusion_matrix(labels, predicted, range(len(names)))
    columns = (precision_per_class(counts), recall_per_class(counts))
    return {
        "accuracy": interval(predicted == labels),
        "right": int(np.trace(counts)),
        "count": len(labels),
        "classes": names,
        "precision": [round(value, DECIMALS) for value in columns[0]],
        "recall": [round(value, DECIMALS) for value in columns[1]],
        "confusion": counts.tolist(),
    }


def interval(per_query: np.ndarray) -> list[float]:
    """Return ``[mean, low, high]`` of a figure that each picture has."""
    return [round(end, DECIMALS) for end in bootstrap_interval(np.asarray(per_query, np.float64))]


def protocol(queries: Split, gallery: Split) -> dict[str, Any]:
    """Return who asks, who answers and how it is measured."""
    return {
        "dataset": COLLECTION,
        "query_count": len(queries.labels),
        "gallery_count": len(gallery.labels),
        "how": PROTOCOL,
        "caveat": CAVEAT,
        "interval": INTERVAL_POLICY,
    }


def provenance(names: Iterable[str]) -> dict[str, Any]:
    """Return what the figures of networks depend on: weights, seeds, data, commit."""
    cards = {name: read_card(name) for name in names}
    return {
        "networks": {
            name: {"weights_sha256": card["file_sha256"], "bytes": card["bytes"], "training": card["training"]}
            for name, card in cards.items()
        },
        "data_sha256": data_hash(load_dataset(COLLECTION)),
        "commit": commit(),
    }
