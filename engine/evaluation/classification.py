"""Classification metrics, all computed from one confusion matrix of counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.ranking import Empty, Floats, divide

Counts = npt.NDArray[np.int64]


def confusion_matrix(true: npt.ArrayLike, predicted: npt.ArrayLike, classes: Sequence[Any]) -> Counts:
    """Count the pairs of true and predicted labels.

    Args:
        true: ``(N,)`` labels.
        predicted: ``(N,)`` labels.
        classes: the C labels, in the order of rows and columns.

    Returns:
        ``(C, C)`` int64, rows true, columns predicted.

    Raises:
        ValueError: vectors of different lengths, or a label that ``classes`` does not hold.

    Example:
        >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]).tolist()
        [[1, 1], [0, 1]]
    """
    rows, columns = _positions(true, classes), _positions(predicted, classes)
    if len(rows) != len(columns):
        raise ValueError(f"{len(rows)} true labels but {len(columns)} predicted ones")
    size = len(classes)
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)


def accuracy(confusion: Counts) -> float:
    """Share of right predictions, NaN without any.

    Example:
        >>> accuracy(np.array([[3, 1], [0, 4]]))
        0.875
    """
    return float(divide(np.trace(confusion)[None], confusion.sum(), empty="skip")[0])


def precision_per_class(confusion: Counts, empty: Empty = "zero") -> Floats:
    """Share of right ones among the predictions of each class.

    Args:
        confusion: ``(C, C)`` counts, rows true, columns predicted.
        empty: a class that was never predicted has precision "zero", or is "skip"ped (NaN).

    Returns:
        ``(C,)`` float64.

    Example:
        >>> precision_per_class(np.array([[3, 1], [0, 4]])).tolist()
        [1.0, 0.8]
    """
    return divide(np.diag(confusion), confusion.sum(axis=0), empty)


def recall_per_class(confusion: Counts, empty: Empty = "zero") -> Floats:
    """Share of right ones among the members of each class.

    Args:
        confusion: ``(C, C)`` counts, rows true, columns predicted.
        empty: a class without members has recall "zero", or is "skip"ped (NaN).

    Returns:
        ``(C,)`` float64.

    Example:
        >>> recall_per_class(np.array([[3, 1], [0, 4]])).tolist()
        [0.75, 1.0]
    """
    return divide(np.diag(confusion), confusion.sum(axis=1), empty)


def _positions(labels: npt.ArrayLike, classes: Sequence[Any]) -> Counts:
    column = {label: position for position, label in enumerate(classes)}
    try:
        return np.array([column[label] for label in np.asarray(labels).tolist()], np.int64)
    except KeyError as error:
        raise ValueError(f"label {error.args[0]!r} is not among the classes {list(classes)}") from None
