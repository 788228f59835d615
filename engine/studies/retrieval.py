"""Hash a collection and report every retrieval figure: test pictures ask, the training split answers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.artifacts import provenance
from engine.datasets import Dataset
from engine.evaluation.hashing_report import report_tasks
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.studies.controls import measure_controls
from engine.studies.protocol import protocol


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
        "provenance": provenance(dataset, method),
        "bits": evaluate_codes(arrays, tuple(query_codes), dataset.classes),
        "controls": controls,
    }
    return result, arrays | more
