"""Hash a collection and report every retrieval figure: test pictures ask, the training split answers."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.datasets import DataError, Dataset, data_hash
from engine.evaluation.hashing_report import report_tasks
from engine.files import write_arrays, write_json
from engine.hashing.codes import pack_bits
from engine.hashing.control_measurements import measure_controls
from engine.hashing.hasher import RESULTS, WEIGHTS, Hasher

METRIC_POLICY = (
    "Hamming ranking, AP tie-aware (expected over orders of equal distance), all relevant items in the denominator, "
    "an empty Hamming ball counts 0, a query is never in its own gallery"
)
INTERVAL_POLICY = "95 % percentile bootstrap over queries, 2000 resamples, seed 0"


def hash_split(method: str, dataset: Dataset, progress: Callable[[int, int], None]) -> dict[int, np.ndarray]:
    """Hash every picture once and read the codes of all lengths off it.

    Args:
        method: A method of ``Hasher.load``.
        dataset: The pictures.
        progress: Called with (pictures done, pictures in all).

    Returns:
        Packed codes ``(N, bits // 8)`` uint8 for each code length.
    """
    hasher = Hasher.load(method=method)
    batches: dict[int, list[np.ndarray]] = {bits: [] for bits in hasher.lengths}
    for start in range(0, len(dataset), 32):
        images = [dataset.load(i) for i in range(start, min(start + 32, len(dataset)))]
        for bits, logits in hasher.outputs(images)[1].items():
            batches[bits].append(pack_bits(logits >= 0))
        progress(start + len(images), len(dataset))
    return {bits: np.concatenate(codes) for bits, codes in batches.items()}


def describe_dataset(
    hasher: Hasher, dataset: Dataset, progress: Callable[[int, int], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Hash and describe every picture of a dataset, as its owner would.

    Args:
        hasher: The network and the code length.
        dataset: The pictures.
        progress: Called with (pictures done, pictures in all).

    Returns:
        Packed codes ``(N, bits // 8)`` uint8 and descriptors ``(N, 64)`` int8.
    """
    rows = []
    for start in range(0, len(dataset), 32):
        images = [dataset.load(i) for i in range(start, min(start + 32, len(dataset)))]
        rows.append(hasher.describe(images))
        progress(start + len(images), len(dataset))
    codes, descriptors = zip(*rows, strict=True)
    return np.concatenate(codes), np.concatenate(descriptors)


def evaluate_codes(codes: dict[str, np.ndarray], lengths: tuple[int, ...], classes: tuple[str, ...]) -> dict[str, Any]:
    """Report both tasks at every length from a code file's arrays (see :func:`code_arrays`)."""
    return {
        str(bits): report_tasks(
            codes[f"query_{bits}"],
            codes["query_labels"],
            codes[f"gallery_{bits}"],
            codes["gallery_labels"],
            classes,
        )
        for bits in lengths
    }


def code_arrays(
    queries: Dataset,
    gallery: Dataset,
    query_codes: dict[int, np.ndarray],
    gallery_codes: dict[int, np.ndarray],
) -> dict[str, np.ndarray]:
    """Return the arrays of a code file: ids, labels and packed codes of queries and gallery at every length."""
    arrays = {
        "classes": np.array(queries.classes),
        "query_ids": np.array([record.id for record in queries.records]),
        "gallery_ids": np.array([record.id for record in gallery.records]),
        "query_labels": queries.labels,
        "gallery_labels": gallery.labels,
    }
    for bits in query_codes:
        arrays |= {f"query_{bits}": query_codes[bits], f"gallery_{bits}": gallery_codes[bits]}
    return arrays


def evaluate_method(
    method: str, dataset: Dataset, progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure a shipped method on a collection, from pictures to figures.

    Args:
        method: A method of ``Hasher.load``.
        dataset: A collection with ``train`` and ``test`` splits.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data and the code file's arrays.
    """
    queries, gallery = dataset.subset(split="test"), dataset.subset(split="train")
    # The controls look at every picture once more.
    total = 2 * (len(queries) + len(gallery))
    query_codes = hash_split(method, queries, lambda done, _: progress(done, total))
    gallery_codes = hash_split(method, gallery, lambda done, _: progress(len(queries) + done, total))
    arrays = code_arrays(queries, gallery, query_codes, gallery_codes)
    controls, more = measure_controls(
        Hasher.load(method=method), dataset, arrays, lambda done, half: progress(half + done, total)
    )
    result = {
        "method": method,
        "protocol": protocol(queries, gallery),
        "provenance": provenance(method, dataset),
        "bits": evaluate_codes(arrays, tuple(query_codes), dataset.classes),
        "controls": controls,
    }
    return result, arrays | more


def protocol(queries: Dataset, gallery: Dataset) -> dict[str, Any]:
    """Return who asks, who answers and how it is measured, in words and counts."""
    return {
        "dataset": queries.name,
        "queries": "test split",
        "query_count": len(queries),
        "gallery": "train split",
        "gallery_count": len(gallery),
        "metric": METRIC_POLICY,
        "interval": INTERVAL_POLICY,
    }


def provenance(method: str, dataset: Dataset) -> dict[str, Any]:
    """Return what a figure depends on: the card's training facts, the hash of weights and data, the commit."""
    card = json.loads((WEIGHTS / f"{method}.json").read_text())
    weights = (WEIGHTS / f"{method}.safetensors").read_bytes()
    return {
        "training": card["training"],
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "data_sha256": data_hash(dataset),
        "commit": commit(),
    }


def commit() -> str:
    """Return the commit the code stands on, or "unknown" outside a checkout or where there is no git."""
    asked = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        git = subprocess.run(asked, cwd=RESULTS, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return git.stdout.strip() or "unknown"


def load_result(name: str, folder: Path = RESULTS) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what :func:`save_result` wrote: the result file's data and the code file's arrays.

    Raises:
        DataError: There is no such result.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        raise DataError(f"There is no stored result {name!r}: measure it first.")
    with np.load(folder / f"{name}_codes.npz", allow_pickle=False) as arrays:
        return json.loads(path.read_text()), dict(arrays)


def save_result(
    name: str, result: dict[str, Any], arrays: dict[str, np.ndarray], folder: Path = RESULTS, holds: str = "codes"
) -> Path:
    """Write ``<name>.json`` and ``<name>_<holds>.npz``; return the JSON's path."""
    write_arrays(folder / f"{name}_{holds}.npz", arrays)
    path = folder / f"{name}.json"
    write_json(path, result)
    return path
