"""The ring of methods where nothing was trained on: stored codes of test pictures, each asked of all others.

Needs neither pictures nor networks: codes come from the results of ``evaluate`` and ``baselines``, groups from the
manifest.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import commit, load_result
from engine.attacks.gallery_codes import learned_of_gallery
from engine.datasets import PAPER, DataError
from engine.datasets.facts import Facts, task_facts
from engine.evaluation.bootstrap import DECIMALS, interval
from engine.evaluation.code_quality import bit_entropy, distinct_codes
from engine.evaluation.unseen import kin_among
from engine.studies.baseline_figures import BASELINES, BITS
from engine.studies.unseen import unseen

RESULT = "ring_unseen"
SHIPPED = "matdh"


def measure_ring_unseen() -> dict[str, Any]:
    """Measure every method whose codes are stored.

    Returns:
        The result file's data: ``methods``, each with mAP of both tasks, AUC, distinct codes, entropy per bit, kin
        among ten neighbours and what masked codes tell a server; and ``data_sha256`` of the collection whose training
        split each network saw.

    Raises:
        ArtifactError: No codes are stored.
        DataError: The stored codes are of other test pictures than the manifest's.
    """
    shipped, own = load_result(SHIPPED)
    ring, arrays = load_result("baselines")
    facts = test_facts(own["query_labels"])
    known = {SHIPPED: own[f"query_{BITS}"]}
    known |= {name: arrays[f"query_{name}_{BITS}"] for name in BASELINES if f"query_{name}_{BITS}" in arrays}
    if not np.array_equal(arrays["query_labels"], own["query_labels"]):
        raise DataError("The ring's codes and MATDH's are of different pictures: measure both again.")
    return {
        "protocol": f"{len(facts)} test pictures of {PAPER.collection}, each against all others but its own group; "
        f"{BITS} bits",
        "provenance": {
            "commit": commit(),
            "data_sha256": {SHIPPED: shipped["provenance"]["data_sha256"], "ring": ring["provenance"]["data_sha256"]},
        },
        "methods": {name: report_method(codes, facts) for name, codes in known.items()},
    }


def report_method(codes: npt.NDArray[np.uint8], facts: Facts) -> dict[str, Any]:
    """Report one method from its codes of pictures that nothing was trained on.

    Args:
        codes: ``(N, bits // 8)`` uint8.
        facts: Of the N pictures, numbered as ``engine.datasets.PAPER`` numbers labels.
    """
    learned = learned_of_gallery(codes, facts.labels)
    chances = kin_among(codes, codes, facts.groups[:, None] == facts.groups, np.eye(len(facts), dtype=bool))
    return {
        **unseen(codes, facts.labels, facts.groups, PAPER.position),
        "distinct": distinct_codes(codes),
        "bit_entropy": round(float(bit_entropy(codes).mean()), DECIMALS),
        "kin_in_ten": interval(chances),
        "purity": interval(learned.groups.correct),
        "one_known": round(float(learned.one_known.mean()), DECIMALS),
        "chance": round(learned.chance, DECIMALS),
    }


def test_facts(labels: npt.NDArray[np.integer]) -> Facts:
    """Return the facts of the paper's test split in the manifest's order.

    Args:
        labels: ``(N,)`` int, stored with what is to be judged.

    Raises:
        DataError: They are not the labels of those pictures.
    """
    facts = task_facts(PAPER)
    test = facts.where(facts.splits == "test")
    if not np.array_equal(test.labels, labels):
        raise DataError("The stored codes are of other test pictures than the manifest's: measure them again.")
    return test
