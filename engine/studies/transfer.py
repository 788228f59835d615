"""What does training do for pictures of hospitals it never saw, and what does that cost inside the collection?

Where positives and negatives come from different publishers, a network may have learnt the publisher. Trained without
a publisher's positives, such a network calls them negative: they look like nothing it knows as positive. MATDH is
trained twice, as it is and without what should guard it (lung frames, random exposure and texture); each of them once
with everybody and once without each publisher of positives. All have the budget of the ablations, so that only what is
named differs.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.datasets import PAPER, load_dataset
from engine.evaluation import (
    auc_per_positive,
    average_precision,
    distance_margin,
    neighbour_vote,
)
from engine.evaluation.bootstrap import interval
from engine.evaluation.hashing_report import NEIGHBOURS
from engine.hashing.codes import hamming_distances
from engine.studies.ablations import (
    BITS,
    BUDGET,
    WHOLE,
    asked_and_held,
    budget_of,
    codes_of,
    provenance_of,
    report_ablations,
)
from engine.studies.controls import blacken_lungs
from engine.studies.protocol import protocol
from engine.training.config import HOLDOUTS, UNGUARDED
from engine.training.pictures import FramedPictures
from engine.training.run import Run, train_method

Arrays = Mapping[str, npt.NDArray[Any]]
OPEN = "unguarded"
# The network that saw everybody, and what its twins without a publisher are called.
TRAININGS = {"guarded": (WHOLE, ""), OPEN: (OPEN, f"{OPEN} ")}


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
    dataset = load_dataset(PAPER.collection)
    parts, arrays = asked_and_held(dataset)
    for side, part in parts.items():
        arrays[f"{side}_sources"] = np.array([record.source for record in part.records])
    trained: dict[str, Run] = {}
    for name in (WHOLE, *HOLDOUTS, *UNGUARDED):
        run = trained[name] = train_method("matdh", BUDGET, seed, runs, epochs, partial(report, name), name)
        arrays |= {f"{side}_{name}": codes_of(run, part)[BITS] for side, part in parts.items()}
        arrays |= {f"{side}_{name} black": codes_of(run, part, blackened)[BITS] for side, part in parts.items()}
    whole = trained[WHOLE]
    result = {
        "protocol": protocol(*parts.values())
        | {
            "bits": BITS,
            "budget": budget_of(whole),
            "vote": f"{NEIGHBOURS} nearest neighbours, COVID-19 or not",
            "left_out_queries": "positives of the publisher left out, and all negatives",
            "left_out_gallery": "all but that publisher's positives, for every network",
        },
        "provenance": {**provenance_of(whole), "unguarded": trained[OPEN].config.as_dict()},
        **report_transfer(arrays),
    }
    return result, arrays


def blackened(pictures: FramedPictures) -> FramedPictures:
    """Return the pictures with their lungs painted black."""
    return replace(pictures, pixels=np.stack([blacken_lungs(frame, pictures.margin) for frame in pictures.pixels]))


def report_transfer(arrays: Arrays) -> dict[str, Any]:
    """Report what is found inside the collection and of every publisher that was left out, from stored codes.

    Args:
        arrays: ``classes``, and ``query_labels``, ``query_sources``, ``query_<network>`` and ``query_<network> black``
            packed codes, and the same of ``gallery``.

    Returns:
        ``inside``: the figures of ``engine.studies.ablations.report_ablations`` for the guarded and the unguarded
        network, with and without lungs. ``left_out``: for each publisher and each training the figures of the network
        that saw its positives and of the one that did not.
    """
    networks = [name for whole in (WHOLE, OPEN) for name in (whole, f"{whole} black")]
    return {
        "inside": report_ablations(arrays, networks, arrays["classes"].tolist(), WHOLE),
        "left_out": [_left_out(arrays, name, change["without_positives"]) for name, change in HOLDOUTS.items()],
    }


def _left_out(arrays: Arrays, name: str, source: str) -> dict[str, Any]:
    positive, answers = (PAPER.is_positive(arrays[f"{side}_labels"]) for side in ("query", "gallery"))
    asked = ~positive | (arrays["query_sources"] == source)
    held = ~answers | (arrays["gallery_sources"] != source)
    counts = {
        "publisher": source,
        "positives": int(positive[asked].sum()),
        "negatives": int((~positive[asked]).sum()),
    }
    return counts | {
        training: {
            "seen": _figures(arrays, whole, asked, held),
            "unseen": _figures(arrays, prefix + name, asked, held),
        }
        for training, (whole, prefix) in TRAININGS.items()
    }


def _figures(
    arrays: Arrays, network: str, asked: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_]
) -> dict[str, list[float]]:
    """mAP, AUC with and without lungs, the share of positives that are found and of negatives that are left alone."""
    codes, black = (
        (arrays[f"query_{name}"][asked], arrays[f"gallery_{name}"][held]) for name in (network, f"{network} black")
    )
    positive, answers = (
        PAPER.is_positive(arrays["query_labels"][asked]),
        PAPER.is_positive(arrays["gallery_labels"][held]),
    )
    vote = neighbour_vote(codes[0], codes[1], answers, k=NEIGHBOURS)
    values = {
        "map": average_precision(codes[0], positive, codes[1], answers),
        "auc": _auc(*codes, answers, positive),
        "auc_black": _auc(*black, answers, positive),
        "sensitivity": vote[positive],
        "specificity": ~vote[~positive],
    }
    return {name: interval(value) for name, value in values.items()}


def _auc(
    queries: npt.NDArray[np.uint8],
    gallery: npt.NDArray[np.uint8],
    answers: npt.NDArray[np.bool_],
    positive: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    return auc_per_positive(distance_margin(hamming_distances(queries, gallery), answers), positive)
