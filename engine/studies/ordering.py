"""What descriptors add where codes are equal: class and patient of the first ten, with and without them.

A supervised code puts whole classes at one distance, and in which of many orders they are shown is chance. The figures
compare that chance with the order by likeness of descriptors (``engine.hashing.descriptors``): are the first ten more
often of the query's class, and does the other picture of the query's patient come up at all?
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import PAPER, load_dataset
from engine.evaluation.bootstrap import DECIMALS, bootstrap_interval, paired_bootstrap
from engine.evaluation.ranking import Floats, expected_hits, hit_chance
from engine.hashing.codes import hamming_distances
from engine.hashing.descriptors import likeness
from engine.hashing.hasher import Hasher
from engine.studies.protocol import protocol
from engine.studies.retrieval import describe_dataset

BITS = 48
SHOWN = 10

Arrays = Mapping[str, npt.NDArray[Any]]


def measure_ordering(
    method: str, progress: Callable[[int, int], None]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Describe the collection and report the order among equal codes.

    Args:
        method: A method of ``Hasher.load``.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data and the arrays it follows from.

    Raises:
        DataError: The pictures are not on this machine.
    """
    dataset, hasher = load_dataset(PAPER.collection), Hasher.load(bits=BITS, method=method)
    queries, gallery = dataset.subset("test"), dataset.subset("train")
    total = len(queries) + len(gallery)
    described = {
        "query": describe_dataset(hasher, queries, lambda done, _: progress(done, total)),
        "gallery": describe_dataset(hasher, gallery, lambda done, _: progress(len(queries) + done, total)),
    }
    arrays: dict[str, npt.NDArray[Any]] = {"query_labels": queries.labels, "gallery_labels": gallery.labels}
    for side, (codes, descriptors) in described.items():
        arrays |= {f"{side}_codes": codes, f"{side}_descriptors": descriptors}
    arrays["query_patients"] = np.unique([record.group for record in queries.records], return_inverse=True)[1]
    result = {
        "method": method,
        "protocol": protocol(queries, gallery)
        | {
            "bits": BITS,
            "code": "codes alone: expected over the orders of equal distance",
            "ordered": "where distances are equal, the likest descriptor first",
            "patient": f"test pictures ask each other; is another picture of the same patient among {SHOWN}?",
        },
        "provenance": provenance(dataset, method),
        **report_ordering(arrays),
    }
    return result, arrays


def report_ordering(arrays: Arrays) -> dict[str, Any]:
    """Report the order among equal codes from stored codes and descriptors.

    Args:
        arrays: ``query_labels``, ``query_codes``, ``query_descriptors`` and the same of ``gallery``, and
            ``query_patients``, ``(Q,)`` int.

    Returns:
        ``figures``: per figure, ``code`` and ``ordered`` as mean with interval, and their paired ``difference``.
        ``patient_queries``: how many test pictures have another of their patient.
    """
    asked, held = _side(arrays, "query"), _side(arrays, "gallery")
    distances, finer = _distances(asked, held)
    figures = {}
    for task, same in (
        ("binary", PAPER.is_positive(asked[2])[:, None] == PAPER.is_positive(held[2])),
        ("three_class", asked[2][:, None] == held[2]),
    ):
        for depth in (1, SHOWN):
            values = (expected_hits(matrix, same, depth)[:, -1] / depth for matrix in (distances, finer))
            figures[f"{task}_p_at_{depth}"] = _compare(*values)
    patients = arrays["query_patients"]
    others = [np.flatnonzero(np.arange(len(patients)) != i) for i in range(len(patients))]
    again = patients[:, None] == patients[np.array(others)]
    asking = again.any(axis=1)
    among = [np.take_along_axis(matrix, np.array(others), axis=1)[asking] for matrix in _distances(asked, asked)]
    figures["patient_among_ten"] = _compare(*(hit_chance(matrix, again[asking], SHOWN) for matrix in among))
    return {"figures": figures, "patient_queries": int(asking.sum())}


Side = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], npt.NDArray[np.int64]]


def _side(arrays: Arrays, side: str) -> Side:
    return arrays[f"{side}_codes"], arrays[f"{side}_descriptors"], arrays[f"{side}_labels"]


def _distances(asked: Side, held: Side) -> tuple[Floats, Floats]:
    """Hamming distances, and the same made finer by less than a bit where descriptors differ."""
    distances = hamming_distances(asked[0], held[0]).astype(np.float64)
    alike = np.array([likeness(descriptor, held[1]) for descriptor in asked[1]])
    return distances, distances + (1 - alike) / 4


def _compare(code: Floats, ordered: Floats) -> dict[str, list[float]]:
    intervals = {
        "code": bootstrap_interval(code),
        "ordered": bootstrap_interval(ordered),
        "difference": paired_bootstrap(code, ordered)[:3],
    }
    return {name: [round(float(end), DECIMALS) for end in interval] for name, interval in intervals.items()}
