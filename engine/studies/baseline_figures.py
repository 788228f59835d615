"""MATDH and its baselines measured alike: the same pictures, metrics and intervals, and paired tests against MATDH."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance, weights_path
from engine.datasets import PAPER, Dataset
from engine.evaluation import average_precision, paired_bootstrap
from engine.evaluation.bootstrap import DECIMALS
from engine.evaluation.hashing_report import report_tasks
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.hashing.methods import METHODS
from engine.studies.protocol import protocol

# The shipped MATDH had another budget; the one of half width is trained as its baselines are.
OURS = "matdh-half"
BASELINES = tuple(name for name in METHODS if name != "matdh")
LENGTHS = (16, 24, 32, 48, 64)
BITS = 48

Arrays = Mapping[str, npt.NDArray[Any]]


class Inputs:
    """Pictures as the networks see them, prepared once for every network that see the same of them.

    Args:
        dataset: The pictures.
        progress: Called with (pictures done, pictures in all).
    """

    def __init__(self, dataset: Dataset, progress: Callable[[int, int], None]) -> None:
        self._dataset, self._progress = dataset, progress
        self._prepared: dict[tuple[int, bool, float], np.ndarray] = {}

    def of(self, hasher: Hasher) -> np.ndarray:
        """Return ``(N, side, side)`` float32 as ``hasher`` takes them."""
        key = hasher.side, hasher.enhanced, hasher.margin
        if key not in self._prepared:
            rows = []
            for number in range(len(self._dataset)):
                rows.append(hasher.view(self._dataset.load(number)))
                self._progress(number + 1, len(self._dataset))
            self._prepared[key] = np.stack(rows)
        return self._prepared[key]


def ranked_by(hasher: Hasher, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return what pictures are ranked by: packed codes by length, or float16 features where there are no bits.

    Args:
        hasher: The network.
        inputs: From :meth:`Inputs.of`.

    Returns:
        ``{"16": (N, 2) uint8, ...}``, or ``{"features": (N, F) float16}``.
    """
    features, outputs = hasher.outputs_of_inputs(inputs)
    if not outputs:
        return {"features": features.astype(np.float16)}
    return {str(bits): pack_bits(values >= 0) for bits, values in outputs.items()}


def baseline_arrays(method: str, queries: Inputs, gallery: Inputs) -> dict[str, np.ndarray]:
    """Return the arrays of one method in the code file: ``query_<method>_<what>`` and ``gallery_<method>_<what>``."""
    hasher = Hasher.load(method=method)
    return {
        f"{side}_{method}_{name}": values
        for side, inputs in (("query", queries), ("gallery", gallery))
        for name, values in ranked_by(hasher, inputs.of(hasher)).items()
    }


def report_baseline(arrays: Arrays, method: str, classes: Sequence[str]) -> dict[str, Any]:
    """Report one method at every length, and what MATDH gains over it, from stored arrays.

    Args:
        arrays: ``query_labels``, ``gallery_labels`` and those of :func:`baseline_arrays`, MATDH's among them.
        method: One of ``BASELINES``.
        classes: Class names, the positive one first.

    Returns:
        ``bits`` (by length; ``"features"`` for a method without bits) with both tasks, and ``matdh_gains``.
    """
    kinds = [str(bits) for bits in LENGTHS] if METHODS[method].bits else ["features"]
    reports = {kind: report_kind(arrays, method, kind, classes) for kind in kinds}
    # Recall curves are long: kept at 48 bits only.
    for kind in set(reports) - {str(BITS), "features"}:
        for figures in reports[kind].values():
            del figures["recall"]
    return {"bits": reports, "matdh_gains": {task: _gain(arrays, method, task) for task in ("binary", "three_class")}}


def report_kind(arrays: Arrays, method: str, kind: str, classes: Sequence[str]) -> dict[str, Any]:
    """Report both tasks of one method at one length, or of its features."""
    query, gallery = (_values(arrays[f"{side}_{method}_{kind}"]) for side in ("query", "gallery"))
    return report_tasks(query, arrays["query_labels"], gallery, arrays["gallery_labels"], classes)


def _values(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return stored if stored.dtype == np.uint8 else stored.astype(np.float32)


def _gain(arrays: Arrays, method: str, task: str) -> dict[str, Any]:
    """Return MATDH's average precision minus the baseline's, paired over queries, with both tests."""
    from scipy.stats import ttest_rel

    ours, theirs = (_precision(arrays, name, task) for name in (OURS, method))
    difference = paired_bootstrap(theirs, ours)
    test = float(ttest_rel(ours, theirs).pvalue) if not np.array_equal(ours, theirs) else 1.0
    return {
        "map": [round(end, DECIMALS) for end in difference[:3]],
        "bootstrap_p": round(difference.p_value, DECIMALS),
        "t_test_p": float(f"{test:.3g}"),
    }


def _precision(arrays: Arrays, method: str, task: str) -> npt.NDArray[np.float64]:
    kind = str(BITS) if METHODS[method].bits else "features"
    query, gallery = (_values(arrays[f"{side}_{method}_{kind}"]) for side in ("query", "gallery"))
    labels = arrays["query_labels"], arrays["gallery_labels"]
    asked, held = (
        labels if task == "three_class" else (~PAPER.is_positive(labels[0]) * 1, ~PAPER.is_positive(labels[1]) * 1)
    )
    return average_precision(query, asked, gallery, held)


def evaluate_baseline(method: str, bits: int, dataset: Dataset, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Measure one shipped method on a collection at one length, from pictures to figures.

    Args:
        method: One of ``BASELINES``.
        bits: Code length; of no account for a method without bits.
        dataset: A collection with ``train`` and ``test`` splits.
        progress: Called with (pictures done, pictures in all), for queries and then for the gallery.

    Raises:
        HasherError: Unknown length, or the weights are missing.
    """
    Hasher.load(bits, method)
    queries, gallery = dataset.subset("test"), dataset.subset("train")
    arrays = baseline_arrays(method, Inputs(queries, progress), Inputs(gallery, progress))
    arrays |= {"query_labels": queries.labels, "gallery_labels": gallery.labels}
    kind, how = str(bits), protocol(queries, gallery)
    if not METHODS[method].bits:
        kind, how["metric"] = "features", how["metric"].replace("Hamming ranking", "ranking by Euclidean distance")
    return {
        "method": method,
        "protocol": how,
        "provenance": provenance(dataset, method),
        "bits": {kind: report_kind(arrays, method, kind, dataset.classes)},
    }


def cost(method: str, inputs: Inputs, pictures: int = 64, repeats: int = 3) -> dict[str, float]:
    """Return what a method costs: bytes of its file, weights, and milliseconds to encode one prepared picture.

    Args:
        method: One of ``BASELINES``.
        inputs: At least ``pictures`` of them.
        pictures: How many are encoded in batches of 32.
        repeats: The fastest of so many counts.
    """
    hasher = Hasher.load(method=method)
    batch = inputs.of(hasher)[:pictures]
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        hasher.outputs_of_inputs(batch)
        seconds.append(time.perf_counter() - started)
    return {
        "bytes": weights_path(method).stat().st_size,
        "weights": sum(values.numel() for values in hasher.network.parameters()),
        "encode_ms": round(1000 * min(seconds) / len(batch), 2),
    }
