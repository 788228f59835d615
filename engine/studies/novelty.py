"""Measure the novelty warning: threshold from validation pictures, alarms on test pictures and on strange ones."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import cv2
import numpy as np

from engine.artifacts import provenance
from engine.datasets import PAPER, Dataset, load_dataset
from engine.evaluation.bootstrap import interval
from engine.hashing.hasher import Hasher
from engine.hashing.novelty import Reference, describe
from engine.imaging.framing import find_chest
from engine.studies.protocol import INTERVAL_POLICY

FALSE_ALARMS = 0.05
SYNTHETIC = 100
SIDE = 300
EXPECTED = {
    "val": "Validation chests",
    "test": "Test chests",
    "anatomy_chest": "64-pixel chests",
    "simulated": "Simulated chests",
}
STRANGE = {
    "anatomy_bone": "Hands (X-ray)",
    "anatomy_brain": "Heads (CT slice)",
    "white_noise": "White noise",
    "smooth_noise": "Smooth noise",
    "upside_down": "Chests upside down",
    "quarter_turn": "Chests turned by 90°",
    "negative": "Chests as negatives",
}

Pictures = Iterator[np.ndarray]


def measure_novelty(method: str, progress: Callable[[int, int], None]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Fit the reference on training pictures, set the threshold on validation pictures, count alarms elsewhere.

    Args:
        method: A method of ``Hasher.load``.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data and the arrays beside it: the reference, and every picture's score by group.

    Raises:
        DataError: COVIDx-open or anatomy is not on this machine.
    """
    hasher, covidx, simulated = Hasher.load(method=method), load_dataset(PAPER.collection), load_dataset("simulated")
    groups = picture_groups(covidx, load_dataset("anatomy"), simulated)
    train, built_in = covidx.subset(split="train"), simulated.subset(split="train")
    done = len(train) + len(built_in)
    total = done + sum(count for count, _ in groups.values())
    reference = Reference.fit(*_signals(hasher, chain(_pictures(train), _pictures(built_in))))
    scores = {}
    for name, (count, pictures) in groups.items():
        progress(done, total)
        scores[f"scores_{name}"] = reference.scores(*_signals(hasher, pictures)).astype(np.float32)
        done += count
    progress(done, total)
    result = {
        "method": method,
        "protocol": {
            "reference": f"train splits of COVIDx-open ({len(train)}) and of the simulated gallery ({len(built_in)})",
            "threshold": f"the score that {FALSE_ALARMS:.0%} of COVIDx-open's validation pictures exceed",
            "groups": "test splits of COVIDx-open (also turned and inverted), anatomy and the simulated gallery",
            "score": "excess misfit of the lungs' template plus excess log Mahalanobis distance, in robust deviations",
            "interval": INTERVAL_POLICY.replace("queries", "pictures"),
        },
        "provenance": provenance(covidx, method),
        "usual": describe(reference),
        **report_alarms(scores),
    }
    return result, {"mean": reference.mean, "axes": reference.axes.astype(np.float16), **scores}


def report_alarms(scores: dict[str, np.ndarray]) -> dict[str, Any]:
    """Set the threshold and count the alarms, from stored scores alone.

    Args:
        scores: ``scores_<group>`` ``(N,)`` for every group of ``EXPECTED`` and ``STRANGE``.

    Returns:
        ``threshold``, and for each group its size and the share of alarms with its interval: false alarms where
        pictures are ``expected``, true ones where they are ``strange``.
    """
    threshold = float(np.quantile(scores["scores_val"], 1 - FALSE_ALARMS))

    def alarms(names: dict[str, str]) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "what": what,
                "count": len(scores[f"scores_{name}"]),
                "alarms": interval(scores[f"scores_{name}"] > threshold),
            }
            for name, what in names.items()
        }

    return {"threshold": threshold, "expected": alarms(EXPECTED), "strange": alarms(STRANGE)}


def picture_groups(covidx: Dataset, anatomy: Dataset, simulated: Dataset) -> dict[str, tuple[int, Pictures]]:
    """Return the pictures of every group with their number; synthetic ones come from fixed seeds."""
    test = covidx.subset(split="test")
    groups: dict[str, tuple[int, Pictures]] = {
        "val": _whole(covidx.subset(split="val")),
        "test": _whole(test),
        "simulated": _whole(simulated.subset(split="test")),
        "white_noise": (SYNTHETIC, (white_noise(seed) for seed in range(SYNTHETIC))),
        "smooth_noise": (SYNTHETIC, (smooth_noise(seed) for seed in range(SYNTHETIC))),
        "upside_down": (len(test), (picture[::-1].copy() for picture in _pictures(test))),
        "quarter_turn": (len(test), (np.rot90(picture).copy() for picture in _pictures(test))),
        "negative": (len(test), (255 - picture for picture in _pictures(test))),
    }
    for label in anatomy.classes:
        groups[f"anatomy_{label}"] = _whole(anatomy.subset(split="test", labels=[label]))
    return groups


def white_noise(seed: int) -> np.ndarray:
    """Return ``(SIDE, SIDE)`` uint8 of independent gray levels."""
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)


def smooth_noise(seed: int) -> np.ndarray:
    """Return ``(SIDE, SIDE)`` uint8 of noise blurred to structures the size of a lung's parts."""
    blurred = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal((SIDE, SIDE)), (0, 0), SIDE / 15)
    return np.round((blurred - blurred.min()) * (255 / np.ptp(blurred))).astype(np.uint8)


def _whole(dataset: Dataset) -> tuple[int, Pictures]:
    return len(dataset), _pictures(dataset)


def _pictures(dataset: Dataset) -> Pictures:
    return (dataset.load(i) for i in range(len(dataset)))


def _signals(hasher: Hasher, pictures: Pictures) -> tuple[np.ndarray, np.ndarray]:
    """Return features ``(N, D)`` and chest scores ``(N,)``."""
    features, chest_scores = [], []
    for picture in pictures:
        features.append(hasher.features([picture])[0])
        chest_scores.append(find_chest(picture).score)
    return np.array(features), np.array(chest_scores)
