"""What codes keep besides the label, measured among pictures that nothing was trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.attacks.gallery_codes import learned_of_gallery
from engine.datasets.facts import Facts
from engine.datasets.tasks import Task
from engine.evaluation.bootstrap import DECIMALS, interval
from engine.evaluation.code_quality import bit_entropy, distinct_codes, order_agreement
from engine.evaluation.ranking import Matrix
from engine.evaluation.unseen import by_value, kin_among, ranking_figures
from engine.studies.unseen.protocols import LEAST, in_scope, protocol_distances

Arrays = Mapping[str, npt.NDArray[Any]]
Mask = npt.NDArray[np.bool_]
# Kendall's tau takes a sort a picture: a sample of queries is enough for three decimals.
ORDERED = 400


def report_code_quality(
    arrays: Arrays, facts: Facts, task: Task, scope: str, lengths: Sequence[int], bits: int
) -> dict[str, Any]:
    """Report what codes of a collection's test pictures keep besides the label.

    Args:
        arrays: ``codes_<bits>`` of every length and ``features``, ``(N, ...)`` each.
        facts: Of the N pictures.
        task: What is asked.
        scope: The collection.
        lengths: Code lengths.
        bits: Length of what is told of one length only.

    Returns:
        ``pictures``; for every length ``distinct``, mean ``bit_entropy`` and ``kin_in_ten`` (another picture of the
        patient among ten neighbours); ``kin_in_ten_by_features``; ``order_agreement``; ``server``, what masked codes of
        the gallery tell it of the labels; and ``finding``, the mAP where relevant is the same word of the source.
    """
    within = in_scope(facts, task, scope)
    test = within & (facts.splits == "test")
    return {
        "pictures": int(test.sum()),
        "lengths": {str(length): _of_length(arrays[f"codes_{length}"], facts, within, test) for length in lengths},
        "kin_in_ten_by_features": _kin(arrays["features"], facts, within),
        "order_agreement": _agreement(arrays[f"codes_{bits}"], arrays["features"], facts, test),
        "server": _server(arrays[f"codes_{bits}"], facts, task, within),
        "finding": _findings(arrays[f"codes_{bits}"], facts, within),
    }


def _of_length(codes: npt.NDArray[np.uint8], facts: Facts, within: Mask, test: Mask) -> dict[str, Any]:
    return {
        "distinct": distinct_codes(codes[test]),
        "bit_entropy": round(float(bit_entropy(codes[test]).mean()), DECIMALS),
        "kin_in_ten": _kin(codes, facts, within),
    }


def _kin(codes: Matrix, facts: Facts, within: Mask) -> dict[str, Any] | None:
    """Another picture of the query's group among the ten nearest test and validation pictures."""
    asking = within & (facts.splits == "test")
    held = within & (facts.splits != "train")
    kin = facts.groups[asking][:, None] == facts.groups[held]
    same = facts.ids[asking][:, None] == facts.ids[held]
    chances = kin_among(codes[asking], codes[held], kin, same)
    return {"queries": len(chances), "share": interval(chances)} if len(chances) else None


def _agreement(codes: npt.NDArray[np.uint8], features: Matrix, facts: Facts, test: Mask) -> list[float]:
    rows = np.flatnonzero(test)
    rows = rows[np.linspace(0, len(rows) - 1, min(ORDERED, len(rows))).astype(int)]
    return interval(order_agreement(codes[rows], features[rows]))


def _server(codes: npt.NDArray[np.uint8], facts: Facts, task: Task, within: Mask) -> dict[str, Any]:
    """What a server learns of the unseen gallery; masked codes have the same distances, so plain ones will do."""
    held = within & (facts.splits != "train")
    rows = {}
    for name, labels in (("classes", facts.labels), ("binary", (facts.labels == task.position).astype(np.int64))):
        learned = learned_of_gallery(codes[held], labels[held])
        rows[name] = {
            "chance": round(learned.chance, DECIMALS),
            "purity": interval(learned.groups.correct),
            "one_known": round(float(learned.one_known.mean()), DECIMALS),
            "sizes": [round(share, DECIMALS) for share in learned.sizes],
            "label_shares": [round(share, DECIMALS) for share in learned.truth],
        }
    return rows


def _findings(codes: Matrix, facts: Facts, within: Mask) -> dict[str, Any]:
    distances, queries, gallery = protocol_distances(codes, facts, within, "unseen")
    figures = ranking_figures(distances, queries.findings, gallery.findings)
    parts = by_value({"map": figures["map"]}, queries.findings, LEAST)
    return {
        "map": interval(figures["map"]),
        "by_finding": {
            name: {"queries": len(rows["map"]), "map": interval(rows["map"])}
            for name, rows in parts.items()
            if np.isfinite(rows["map"]).any()
        },
    }
