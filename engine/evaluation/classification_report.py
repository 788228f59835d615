"""Predicted classes against the truth, as plain data for a result file."""

from typing import Any

import numpy as np

from engine.evaluation.bootstrap import DECIMALS, interval
from engine.evaluation.classification import confusion_matrix, precision_per_class, recall_per_class


def report_classes(labels: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, Any]:
    """Compare predicted classes with the truth.

    Args:
        labels: ``(N,)`` class numbers.
        predicted: ``(N,)`` class numbers.
        classes: Number of classes.

    Returns:
        Accuracy ``[mean, low, high]`` (95 % bootstrap over pictures), right and count, precision and recall of each
        class, confusion of counts with true classes as rows.

    Example:
        >>> report_classes(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)["precision"]
        [1.0, 0.5]
    """
    counts = confusion_matrix(labels, predicted, range(classes))
    return {
        "accuracy": interval(predicted == labels),
        "right": int(np.trace(counts)),
        "count": len(labels),
        "precision": [round(float(value), DECIMALS) for value in precision_per_class(counts)],
        "recall": [round(float(value), DECIMALS) for value in recall_per_class(counts)],
        "confusion": counts.tolist(),
    }
