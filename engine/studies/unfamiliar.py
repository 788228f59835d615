"""What the networks of encrypted search say of chest X-rays from elsewhere: the built-in gallery's, 64 x 64 pixels.

They learned bone, brain and chest from one collection, in which each class has a look of its own. Every picture of the
gallery is a chest, so whatever else they answer is wrong.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import Dataset
from engine.encrypted_search.setting import SETTINGS, Setting
from engine.evaluation.bootstrap import bootstrap_interval
from engine.imaging import resize, to_uint8

NAME = "unfamiliar"
SIDE = 64
CLASSES = ("bone", "brain", "chest")
Progress = Callable[[str], None]


def middle_square(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the middle square of a picture as the networks take it: ``(64, 64)`` uint8."""
    pixels = resize(to_uint8(image), SIDE)
    top, left = ((length - SIDE) // 2 for length in pixels.shape)
    return pixels[top : top + SIDE, left : left + SIDE]


def measure(dataset: Dataset, methods: tuple[str, ...], progress: Progress | None = None) -> dict[str, Any]:
    """Ask every network under every encryption what each chest X-ray is.

    A fresh key a picture; by what no key changes, shared keys give the same answers.

    Args:
        dataset: Chest X-rays only.
        methods: Of ``engine.encrypted_search.networks.METHODS``.
        progress: Called with the name of each cell when it is done.

    Returns:
        Protocol, provenance, and a row for each network and setting: how many of each class it answers, and the
        share that is right with its 95 % bootstrap interval.
    """
    from engine.encrypted_search.classifier import load_classifier, predict

    images = np.stack([middle_square(dataset.load(place)) for place in range(len(dataset))])
    ids = [record.id for record in dataset.records]
    rows = []
    for setting in (one for one in SETTINGS if one.policy == "fresh" or one.block_size is None):
        read = setting.canonical(setting.encrypt(images, ids))
        for method in methods:
            rows.append(_row(method, setting, predict(load_classifier(method, setting.name), read).labels))
            if progress:
                progress(f"{method} {setting.name}")
    protocol = {
        "dataset": dataset.name,
        "query_count": len(dataset),
        "metric": "share of chest X-rays that are called chest",
        "interval": "95 % percentile bootstrap over pictures, 2000 resamples, seed 0",
    }
    return {"protocol": protocol, "provenance": provenance(dataset), "cells": rows}


def _row(method: str, setting: Setting, labels: npt.NDArray[np.integer]) -> dict[str, Any]:
    right = (labels == CLASSES.index("chest")).astype(np.float64)
    return {
        "method": method,
        "setting": setting.name,
        "answers": {name: int(np.sum(labels == number)) for number, name in enumerate(CLASSES)},
        "accuracy": [round(value, 4) for value in bootstrap_interval(right)],
    }
