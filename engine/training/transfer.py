"""Is a positive of a publisher that training never saw still found? Leave one publisher of positives out and look.

Where positives and negatives come from different publishers, a network may have learnt the publisher. Trained without
a publisher's positives, such a network calls them negative: they look like nothing it knows as positive. Every network
is trained under the budget of the ablations, so that only what was left out differs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets import load_dataset
from engine.evaluation import average_precision, bootstrap_interval, neighbour_vote
from engine.evaluation.hashing_report import DECIMALS, NEIGHBOURS
from engine.hashing.codes import hamming_distances
from engine.hashing.evaluate import INTERVAL_POLICY, METRIC_POLICY, commit
from engine.training.ablations import BITS, BUDGET, WHOLE, hash_with
from engine.training.config import HOLDOUTS, PRESETS
from engine.training.run import COLLECTION, Run, train_method

Arrays = Mapping[str, npt.NDArray[Any]]


def run_transfer(
    seed: int, runs: Path, epochs: int | None, report: Callable[[str, dict[str, float]], None]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Train with every publisher and without each publisher of positives; measure who is still found.

    Args:
        seed: Seed of all networks.
        runs: Folder of runs; the network that saw everything is the ablations' ``MATDH``.
        epochs: Instead of the budget's.
        report: Called with the network's name and each epoch's figures.

    Returns:
        The result file's data and the code file's arrays.

    Raises:
        DataError: The pictures are not on this machine.
    """
    dataset = load_dataset(COLLECTION)
    queries, gallery = dataset.subset("test"), dataset.subset("train")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for side, part in (("query", queries), ("gallery", gallery)):
        arrays |= {
            f"{side}_labels": part.labels,
            f"{side}_sources": np.array([record.source for record in part.records]),
        }
    trained: dict[str, Run] = {}
    for name in (WHOLE, *HOLDOUTS):
        trained[name] = train_method("matdh", BUDGET, seed, runs, epochs, partial(report, name), name)
        arrays |= {
            f"query_{name}": hash_with(trained[name], queries),
            f"gallery_{name}": hash_with(trained[name], gallery),
        }
    whole = trained[WHOLE]
    result = {
        "protocol": {
            "dataset": dataset.name,
            "queries": "test split: positives of the publisher left out, and all negatives",
            "gallery": "train split without that publisher's positives, for both networks",
            "bits": BITS,
            "vote": f"{NEIGHBOURS} nearest neighbours, COVID-19 or not",
            "metric": METRIC_POLICY,
            "interval": INTERVAL_POLICY,
            "budget": f"{whole.config.epochs} epochs at {whole.config.side} pixels, one seed",
        },
        "provenance": {
            "seed": seed,
            "preset": {**PRESETS[BUDGET].as_dict(), "epochs": whole.config.epochs},
            "data_sha256": whole.data_sha256,
            "commit": commit(),
        },
        "left_out": report_transfer(arrays),
    }
    return result, arrays


def report_transfer(arrays: Arrays) -> list[dict[str, Any]]:
    """Report every publisher that was left out, from stored codes.

    Args:
        arrays: ``query_labels``, ``query_sources``, ``query_<network>`` packed codes, and the same of ``gallery``.

    Returns:
        For each publisher the figures of the network that saw its positives and of the one that did not.
    """
    rows = []
    for name, change in HOLDOUTS.items():
        source = change["without_positives"]
        asked = (arrays["query_labels"] != 0) | (arrays["query_sources"] == source)
        held = (arrays["gallery_labels"] != 0) | (arrays["gallery_sources"] != source)
        rows.append(
            {
                "publisher": source,
                "positives": int((arrays["query_labels"][asked] == 0).sum()),
                "negatives": int((arrays["query_labels"][asked] != 0).sum()),
                "seen": _figures(arrays, WHOLE, asked, held),
                "unseen": _figures(arrays, name, asked, held),
            }
        )
    return rows


def _figures(
    arrays: Arrays, network: str, asked: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_]
) -> dict[str, list[float]]:
    """mAP, AUC, the share of positives that are found and of negatives that are left alone."""
    codes = arrays[f"query_{network}"][asked], arrays[f"gallery_{network}"][held]
    positive, answers = arrays["query_labels"][asked] == 0, arrays["gallery_labels"][held] == 0
    vote = neighbour_vote(codes[0], codes[1], answers, k=NEIGHBOURS)
    values = {
        "map": average_precision(codes[0], positive, codes[1], answers),
        "auc": placements(leaning(*codes, answers), positive),
        "sensitivity": vote[positive],
        "specificity": ~vote[~positive],
    }
    return {name: [round(end, DECIMALS) for end in bootstrap_interval(value)] for name, value in values.items()}


def leaning(
    queries: npt.NDArray[np.uint8], gallery: npt.NDArray[np.uint8], positive: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return how much nearer each query lies to the gallery's positives than to its negatives, in bits.

    However few positives the gallery has, their mean distance weighs as much as the negatives'.

    Args:
        queries: ``(Q, B)`` packed codes.
        gallery: ``(G, B)`` packed codes.
        positive: ``(G,)`` which of them are positive; some are, some are not.

    Returns:
        ``(Q,)``.
    """
    distances = hamming_distances(queries, gallery)
    return distances[:, ~positive].mean(1) - distances[:, positive].mean(1)


def placements(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return, for each positive, the share of negatives that score lower, ties counted half; their mean is the AUC.

    Example:
        >>> placements(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False])).tolist()
        [1.0, 0.25]
    """
    mine, others = scores[positive, None], scores[None, ~positive]
    return ((mine > others) + 0.5 * (mine == others)).mean(1)
