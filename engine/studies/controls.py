"""What the controls of :mod:`engine.evaluation.controls` need from pictures: features, and codes without lungs."""

import functools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engine.datasets import Dataset, split_audit
from engine.evaluation.controls import CONTROL_BITS, describe_audit, report_controls
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.hashing.preprocess import FRAME_MARGIN, prepare_frame
from engine.imaging.framing import chest_template

COMPONENTS = 64
_GROWTH = 0.04


def measure_controls(
    hasher: Hasher, dataset: Dataset, arrays: dict[str, npt.NDArray[Any]], progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Measure every control of a hasher on a collection.

    Args:
        hasher: The network.
        dataset: A collection with ``train`` and ``test`` splits.
        arrays: The code file's arrays so far (``engine.studies.retrieval.code_arrays``).
        progress: Called with (pictures done, pictures in all).

    Returns:
        The ``controls`` of a result file, and the arrays to add to the code file so that
        ``report_controls`` finds them again.
    """
    queries, gallery = dataset.subset(split="test"), dataset.subset(split="train")
    total = len(queries) + len(gallery)
    asked = _features_and_black_codes(hasher, queries, lambda done: progress(done, total))
    held = _features_and_black_codes(hasher, gallery, lambda done: progress(len(queries) + done, total))
    features = principal_components(held[0], asked[0], held[0])
    more: dict[str, npt.NDArray[Any]] = {}
    for side, part, rotated, black in zip(
        ("query", "gallery"), (queries, gallery), features, (asked[1], held[1]), strict=True
    ):
        more[f"{side}_sources"] = np.array([record.source for record in part.records])
        more[f"{side}_features"] = rotated
        more[f"{side}_black_{CONTROL_BITS}"] = black
    controls = report_controls({**arrays, **more}, dataset.classes)
    return {**controls, "split_audit": describe_audit(split_audit(dataset))}, more


def principal_components(fitted: np.ndarray, *others: np.ndarray, count: int = COMPONENTS) -> list[np.ndarray]:
    """Rotate features onto the leading principal axes of ``fitted``: a file a fifteenth as large, the same distances.

    Args:
        fitted: ``(N, D)`` float; the axes are found here.
        others: ``(M, D)`` float each; what to rotate.
        count: Axes to keep.

    Returns:
        ``(M, count)`` float16 for each of ``others``; fewer columns where ``fitted`` has fewer rows.

    Example:
        >>> points = np.array([[0.0, 0.0], [3.0, 4.0]])
        >>> abs(np.diff(principal_components(points, points, count=1)[0], axis=0)).item()
        5.0
    """
    mean = fitted.mean(axis=0)
    axes = np.linalg.svd((fitted - mean).astype(np.float64), full_matrices=False)[2][:count]
    return [((other - mean) @ axes.T).astype(np.float16) for other in others]


@functools.cache
def lung_mask(side: int, margin: float = FRAME_MARGIN) -> np.ndarray:
    """Return where the lungs are in a framed picture, generously: the dark part of the chest template, grown.

    Args:
        side: Side of the framed picture in pixels.
        margin: Share of the lungs' box that it shows around it on every edge.

    Returns:
        ``(side, side)`` bool.

    Example:
        >>> mask = lung_mask(128)
        >>> bool(mask[60, 30]), bool(mask[60, 95]), bool(mask[2, 2])
        (True, True, False)
    """
    box = round(side / (1 + 2 * margin))
    dark = cv2.resize(chest_template(), (box, box), interpolation=cv2.INTER_LINEAR) < 0
    edge = (side - box) // 2
    padded = np.pad(dark, ((edge, side - box - edge),) * 2).astype(np.uint8)
    reach = 2 * round(side * _GROWTH) + 1
    return cv2.dilate(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))).astype(bool)


def blacken_lungs(framed: np.ndarray, margin: float = FRAME_MARGIN) -> np.ndarray:
    """Paint the lungs of a framed picture black (Maguolo and Nanni 2021 painted the centre).

    Args:
        framed: ``(side, side)`` uint8, from ``frame_chest``.
        margin: With which it was framed.

    Returns:
        ``(side, side)`` uint8.
    """
    return np.where(lung_mask(len(framed), margin), np.uint8(0), framed)


def _features_and_black_codes(
    hasher: Hasher, dataset: Dataset, progress: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray]:
    features, codes = [], []
    for start in range(0, len(dataset), 32):
        stop = min(start + 32, len(dataset))
        frames = [hasher.frame(dataset.load(i)) for i in range(start, stop)]
        whole = np.stack([prepare_frame(frame, hasher.enhanced) for frame in frames])
        without = [blacken_lungs(frame, hasher.margin) for frame in frames]
        black = np.stack([prepare_frame(frame, hasher.enhanced) for frame in without])
        features.append(hasher.outputs_of_inputs(whole)[0])
        codes.append(pack_bits(hasher.outputs_of_inputs(black)[1][CONTROL_BITS] >= 0))
        progress(stop)
    return np.concatenate(features), np.concatenate(codes)
