"""Whatever crosses the splits of a collection: groups, equal files, near-copies, and re-cropped copies."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from engine.artifacts import provenance
from engine.datasets import Dataset, split_audit
from engine.datasets.copies import CORRELATION, INLIERS, SURE, Copies, find_copies
from engine.evaluation.controls import describe_audit

RESULT = "split_audit"


def measure_split_audit(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Audit the splits of a collection; some fifteen minutes of one core for five thousand pictures.

    Args:
        dataset: Pictures of two or more splits.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data.

    Raises:
        DataError: A picture cannot be read.
    """
    start = time.process_time()
    copies = find_copies(dataset, progress)
    return describe_copies(dataset, copies, time.process_time() - start)


def describe_copies(dataset: Dataset, copies: Iterable[Copies], seconds: float) -> dict[str, Any]:
    """Put copies and what thumbnails and manifest say into one result.

    Args:
        dataset: The pictures.
        copies: Which of them are re-cropped copies of each other.
        seconds: Processor time that finding them took.

    Returns:
        ``thumbnails`` (``engine.datasets.split_audit``), and ``copies`` with labels, sources and splits.
    """
    records = {record.id: record for record in dataset.records}
    rows = []
    for found in copies:
        pair = records[found.first], records[found.second]
        rows.append(
            {
                "ids": [record.id for record in pair],
                "splits": [record.split for record in pair],
                "labels": [record.label for record in pair],
                "origins": [record.origin for record in pair],
                "corners": found.corners,
                "correlation": found.correlation,
            }
        )
    return {
        "protocol": {
            "dataset": dataset.name,
            "pictures": len(dataset),
            "copies": f"ORB corners under one affine map: at least {SURE} agree, or at least {INLIERS} and the detail "
            f"between them correlates by {CORRELATION}",
        },
        "provenance": provenance(dataset),
        "seconds": round(seconds, 1),
        "thumbnails": describe_audit(split_audit(dataset)),
        "copies": rows,
    }
