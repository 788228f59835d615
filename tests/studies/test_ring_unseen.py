import json

import numpy as np
import pytest

from engine import artifacts
from engine.artifacts import load_result, save_result
from engine.datasets import PAPER, DataError
from engine.datasets.facts import task_facts
from engine.evaluation import average_precision
from engine.studies.ring_unseen import RESULT, measure_ring_unseen


def test_stored_figures_follow_from_stored_codes():
    stored, _ = load_result(RESULT)
    again = json.loads(json.dumps(measure_ring_unseen()))
    assert again["methods"] == stored["methods"]
    assert again["provenance"]["data_sha256"] == stored["provenance"]["data_sha256"]


def test_a_figure_is_counted_one_query_at_a_time():
    """Each test picture against all others but those of its group."""
    facts = task_facts(PAPER)
    test = facts.where(facts.splits == "test")
    codes = load_result("baselines")[1]["query_tcdh_48"]
    found = []
    for query in range(0, 400, 7):
        rest = test.groups != test.groups[query]
        found.append(average_precision(codes[[query]], test.labels[[query]], codes[rest], test.labels[rest])[0])
    stored = load_result(RESULT)[0]["methods"]["tcdh"]["classes"]
    assert np.mean(found) == pytest.approx(stored[0], abs=0.06)


def test_codes_of_other_pictures_are_refused(monkeypatch, tmp_path):
    values, arrays = load_result("matdh")
    ring = load_result("baselines")
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path)
    save_result("baselines", *ring)
    save_result("matdh", values, arrays | {"query_labels": arrays["query_labels"][::-1]})
    with pytest.raises(DataError, match="of other test pictures than the manifest's"):
        measure_ring_unseen()
