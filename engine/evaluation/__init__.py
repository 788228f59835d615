"""Metrics of retrieval, classification and ciphers, each in one place, with bootstrap intervals.

The cipher metrics of :mod:`engine.evaluation.cipher_quality` can be imported from here as well; that module
is loaded when one of them is first asked for.
"""

from importlib import import_module
from typing import Any

from engine.evaluation.bootstrap import (
    Band,
    Interval,
    PairedDifference,
    bootstrap_band,
    bootstrap_interval,
    paired_bootstrap,
)
from engine.evaluation.classification import accuracy, confusion_matrix, precision_per_class, recall_per_class
from engine.evaluation.distances import pairwise_distances
from engine.evaluation.retrieval import (
    average_precision,
    ball_precision,
    empty_ball_share,
    mean_average_precision,
    mean_of,
    precision_at,
    precision_curve,
    precision_within_radius,
    recall_at,
    recall_curve,
)
from engine.evaluation.vote import neighbour_vote, neighbour_votes

__all__ = [
    "Band",
    "Interval",
    "PairedDifference",
    "accuracy",
    "average_precision",
    "ball_precision",
    "bootstrap_band",
    "bootstrap_interval",
    "confusion_matrix",
    "empty_ball_share",
    "mean_average_precision",
    "mean_of",
    "neighbour_vote",
    "neighbour_votes",
    "paired_bootstrap",
    "pairwise_distances",
    "precision_at",
    "precision_curve",
    "precision_per_class",
    "precision_within_radius",
    "recall_at",
    "recall_curve",
    "recall_per_class",
]


def __getattr__(name: str) -> Any:
    try:
        return getattr(import_module("engine.evaluation.cipher_quality"), name)
    except (AttributeError, ModuleNotFoundError):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
