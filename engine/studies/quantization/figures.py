"""Figures of a quantized network against its float self, from stored answers alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets import PAPER
from engine.evaluation import (
    average_precision,
    neighbour_vote,
    paired_bootstrap,
    pairwise_distances,
)
from engine.evaluation.bootstrap import DECIMALS, interval
from engine.evaluation.classification_report import report_classes
from engine.quantization.observers import MODES

NEIGHBOURS = 10
EXACT = "fp32"
# What the name of a variant ends with whose other layers were tuned after its last one was quantized.
TUNED = "-tuned"
Arrays = Mapping[str, np.ndarray]


def variant_name(mode: str, scope: str, granularity: str) -> str:
    """Return what a variant is called in result files.

    Args:
        mode: ``"none"`` or a mode of :func:`engine.quantization.quantize`.
        scope: ``"last"`` or ``"all"``; of no account in the modes that have no choice.
        granularity: ``"tensor"`` or ``"channel"``, likewise.

    Example:
        >>> variant_name("kl", "last", "channel"), variant_name("none", "last", "tensor")
        ('kl-last-channel', 'fp32')
        >>> variant_name("full", "last", "tensor")
        'full'
    """
    if mode == "none":
        return EXACT
    return f"{mode}-{scope}-{granularity}" if mode in MODES else mode


def tuned_name(mode: str | None) -> str:
    """Return what paper B's Algorithm 3 is called in result files, by its mode; None for the control in float.

    Example:
        >>> tuned_name("kl"), tuned_name(None)
        ('kl-last-tensor-tuned', 'fp32-tuned')
    """
    return variant_name(mode or "none", "last", "tensor") + TUNED


def figures(task: str, arrays: Arrays, variants: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the figures of every variant.

    Args:
        task: ``"retrieval"`` or ``"classification"``.
        arrays: What the result file stores of a network: ``classes``, labels, and the answers of every variant,
            ``"fp32"`` among them.
        variants: Names of variants.

    Returns:
        Plain data by variant; a figure with an interval is ``[mean, low, high]``, 95 % bootstrap over pictures.
    """
    measure = retrieval_figures if task == "retrieval" else classification_figures
    return {name: measure(arrays, name) for name in variants}


def retrieval_figures(arrays: Arrays, variant: str) -> dict[str, Any]:
    """Compare codes with the float network's: vote, mAP, bits flipped, overlap of the ten nearest.

    Args:
        arrays: ``classes``, ``query_labels`` ``(Q,)`` and ``gallery_labels`` ``(G,)``, class 0 the positive one, and
            packed codes ``(Q + G, bits // 8)`` by variant, queries first.
        variant: Which codes to compare.
    """
    queries, gallery = arrays["query_labels"], arrays["gallery_labels"]
    codes, exact = ((c[: len(queries)], c[len(queries) :]) for c in (arrays[variant], arrays[EXACT]))
    classes = range(len(arrays["classes"]))
    voted, before = (neighbour_vote(*c, gallery, k=NEIGHBOURS, classes=classes) for c in (codes, exact))
    found = _classified(queries, before, voted, len(classes))
    for task, wanted, held in (
        ("binary", PAPER.is_positive(queries), PAPER.is_positive(gallery)),
        ("three_class", queries, gallery),
    ):
        ours, theirs = (average_precision(asked, wanted, answering, held) for asked, answering in (codes, exact))
        found[f"map_{task}"] = interval(ours)
        found[f"map_{task}_change"] = _rounded(paired_bootstrap(theirs, ours)[:3])
    flipped = np.bitwise_count(arrays[variant] ^ arrays[EXACT]).sum(axis=1)
    nearest, nearest_before = nearest_positions(*codes), nearest_positions(*exact)
    return found | {
        "bits_flipped": int(flipped.sum()),
        "bits": int(arrays[variant].size * 8),
        "flipped_share": interval(flipped / (8 * arrays[variant].shape[1])),
        "same_code": interval(flipped == 0),
        "same_nearest": interval(nearest[:, 0] == nearest_before[:, 0]),
        "top10_overlap": interval(overlap(nearest, nearest_before)),
    }


def classification_figures(arrays: Arrays, variant: str) -> dict[str, Any]:
    """Compare predicted classes with the truth and with the float network's, and the ten nearest by features.

    Args:
        arrays: ``classes``, ``labels`` ``(N,)``, predicted classes ``(N,)`` by variant, and under
            ``<variant>/nearest`` the ten nearest other pictures ``(N, 10)``. A variant without its own has the
            float network's features, and so its neighbours.
        variant: Which predictions to compare.
    """
    labels, before = arrays["labels"], arrays[f"{EXACT}/nearest"]
    nearest = arrays.get(f"{variant}/nearest", before)
    return _classified(labels, arrays[EXACT], arrays[variant], len(arrays["classes"])) | {
        "p_at_10": interval((labels[nearest] == labels[:, None]).mean(axis=1)),
        "same_nearest": interval(nearest[:, 0] == before[:, 0]),
        "top10_overlap": interval(overlap(nearest, before)),
    }


def _classified(labels: np.ndarray, exact: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, Any]:
    right, before = (predicted == labels).astype(float), (exact == labels).astype(float)
    return report_classes(labels, predicted, classes) | {
        "accuracy_change": _rounded(paired_bootstrap(before, right)[:3]),
        "top1_agreement": interval(predicted == exact),
    }


def nearest_positions(queries: np.ndarray, gallery: np.ndarray, k: int = NEIGHBOURS) -> npt.NDArray[np.intp]:
    """Return the positions of the ``k`` nearest, equal distances by position as the index answers: ``(Q, k)``.

    Args:
        queries: ``(Q, bits // 8)`` uint8 packed codes, or ``(Q, D)`` float features.
        gallery: ``(G, ...)``, of the same kind.
        k: Number of neighbours.

    Example:
        >>> nearest_positions(np.array([[0]], np.uint8), np.array([[3], [1], [0], [2]], np.uint8), k=3).tolist()
        [[2, 1, 3]]
    """
    return np.argsort(pairwise_distances(queries, gallery), axis=1, kind="stable")[:, :k]


def nearest_others(features: np.ndarray, k: int = NEIGHBOURS) -> npt.NDArray[np.uint16]:
    """Return the positions of the ``k`` nearest other rows of ``(N, D)`` features: ``(N, k)``.

    Example:
        >>> nearest_others(np.array([[0.0], [5.0], [1.0]]), k=1).ravel().tolist()
        [2, 2, 0]
    """
    distances = pairwise_distances(features, features).astype(float)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k].astype(np.uint16)


def overlap(ours: np.ndarray, theirs: np.ndarray) -> npt.NDArray[np.float64]:
    """Return the share of common members of each row: ``(N, k)`` and ``(N, k)`` to ``(N,)``.

    Example:
        >>> overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 5], [4, 3]])).tolist()
        [0.5, 1.0]
    """
    return (ours[:, :, None] == theirs[:, None, :]).any(axis=2).mean(axis=1)


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
