"""How well encrypted pictures are classified and searched: the figures of one network in one setting.

Computed from stored answers alone, so that the answers file is enough to check the result file.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from engine.artifacts import commit
from engine.datasets import data_hash, load_dataset
from engine.encrypted_search.classifier import read_card
from engine.encrypted_search.networks import network_for
from engine.encrypted_search.pictures import COLLECTION, Split
from engine.encrypted_search.setting import Setting
from engine.evaluation import average_precision, precision_curve
from engine.evaluation.bootstrap import interval
from engine.evaluation.classification_report import report_classes
from engine.studies.protocol import INTERVAL_POLICY

PROTOCOL = (
    "64x64 anatomy pictures, encrypted with published keys, substitution 0-255; the network reads what no key "
    "changes; test pictures ask, the training split answers by Euclidean distance of 8-bit features"
)
CAVEAT = "Sixteen byte-identical brain pictures cross the collection's splits; no split here was changed for it."
Arrays = dict[str, np.ndarray]


def known(queries: Split, gallery: Split) -> Arrays:
    """Return what an answers file says of the pictures: classes, labels and ids of both sides."""
    return {
        "classes": np.array(queries.classes),
        "labels": queries.labels,
        "gallery_labels": gallery.labels,
        "ids": np.array(queries.ids),
        "gallery_ids": np.array(gallery.ids),
    }


def describe(method: str, setting: str) -> dict[str, Any]:
    """Return what a cell is: method, setting, its dials and the network that serves it."""
    chosen = Setting.named(setting)
    return {
        "method": method,
        "setting": setting,
        "block_size": chosen.block_size,
        "policy": chosen.policy if chosen.block_size else None,
        "network": network_for(method, setting),
    }


def cell_figures(arrays: Mapping[str, np.ndarray], cell: str) -> dict[str, Any]:
    """Compute a cell's figures from stored answers.

    Args:
        arrays: Of the answers file.
        cell: ``"vgg16/fresh-8"`` and so on.

    Returns:
        Plain data; a figure with an interval is ``[mean, low, high]``, 95 % bootstrap over pictures.
    """
    predicted, queries, gallery = (arrays[f"{cell}/{name}"] for name in ("predicted", "queries", "gallery"))
    ranking = (queries.astype(np.float32), arrays["labels"], gallery.astype(np.float32), arrays["gallery_labels"])
    precision = precision_curve(*ranking, n=10)
    return classified(arrays["labels"], predicted, arrays["classes"]) | {
        "map": interval(average_precision(*ranking)),
        "p_at_1": interval(precision[:, 0]),
        "p_at_5": interval(precision[:, 4]),
        "p_at_10": interval(precision[:, 9]),
    }


def classified(labels: np.ndarray, predicted: np.ndarray, classes: Iterable[str]) -> dict[str, Any]:
    """Compare predicted classes with the truth.

    Args:
        labels: ``(N,)`` positions in ``classes``.
        predicted: ``(N,)`` positions in ``classes``.
        classes: Class names.

    Returns:
        Accuracy with its interval, right and count, precision and recall of each class, confusion of counts.
    """
    names = [str(name) for name in classes]
    return report_classes(labels, predicted, len(names)) | {"classes": names}


def protocol(queries: Split, gallery: Split) -> dict[str, Any]:
    """Return who asks, who answers and how it is measured."""
    return {
        "dataset": COLLECTION,
        "query_count": len(queries.labels),
        "gallery_count": len(gallery.labels),
        "how": PROTOCOL,
        "caveat": CAVEAT,
        "interval": INTERVAL_POLICY,
    }


def provenance(names: Iterable[str]) -> dict[str, Any]:
    """Return what the figures of networks depend on: weights, seeds, data, commit."""
    cards = {name: read_card(name) for name in names}
    return {
        "networks": {
            name: {"weights_sha256": card["file_sha256"], "bytes": card["bytes"], "training": card["training"]}
            for name, card in cards.items()
        },
        "data_sha256": data_hash(load_dataset(COLLECTION)),
        "commit": commit(),
    }
