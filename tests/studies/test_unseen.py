"""The unseen gallery's report, against plain metrics asked one query at a time on made-up codes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.artifacts import RESULTS, load_result
from engine.datasets import TASKS, load_dataset
from engine.datasets.facts import task_facts
from engine.evaluation import average_precision
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.studies.unseen import RESULT, report_unseen, unseen
from engine.studies.unseen.measurement import hash_collection
from models.matdh import MATDH

TASK = TASKS["cxr"]


@pytest.fixture(scope="module")
def facts():
    """An eighth of the real manifest's test and validation pictures, and a fiftieth of the others."""
    everything = task_facts(TASK)
    draw = np.random.default_rng(0).random(len(everything))
    return everything.where(np.where(everything.splits == "train", draw < 0.02, draw < 0.12))


@pytest.fixture(scope="module")
def arrays(facts):
    """Codes of which the first bits say COVID-19 or not, mostly."""
    draw = np.random.default_rng(1)
    bits = draw.random((len(facts), 48)) < 0.5
    bits[:, :16] = (facts.labels == 0)[:, None] ^ (draw.random((len(facts), 16)) < 0.1)
    return {
        "ids": facts.ids,
        "codes_16": pack_bits(bits[:, :16]),
        "codes_48": pack_bits(bits),
        "black_48": pack_bits(draw.random((len(facts), 48)) < 0.5),
        "features": bits.astype(np.float16),
    }


@pytest.fixture(scope="module")
def report(arrays, facts):
    return report_unseen(arrays, TASK, facts)


def by_hand(codes, labels, groups, asking, held):
    """Average over the queries that have something to find, each in its own gallery."""
    found = []
    for query in np.flatnonzero(asking):
        gallery = held & (groups != groups[query])
        if (labels[gallery] == labels[query]).any():
            found.append(average_precision(codes[[query]], labels[[query]], codes[gallery], labels[gallery])[0])
    return np.mean(found)


@pytest.mark.parametrize("scope", ["cxr-open", "covidx-open"])
@pytest.mark.parametrize(
    ("protocol", "splits"), [("papers", ("train",)), ("unseen", ("test", "val")), ("each_other", ("test",))]
)
def test_a_protocol_is_its_galleries(report, arrays, facts, scope, protocol, splits):
    within = (facts.collections == scope) | (scope == "cxr-open")
    asking, held = within & (facts.splits == "test"), within & np.isin(facts.splits, splits)
    row = report["scopes"][scope][protocol]
    assert (row["queries"], row["gallery"]) == (asking.sum(), held.sum())
    expected = by_hand(arrays["codes_48"], facts.labels, facts.groups, asking, held)
    assert row["classes"]["map"][0] == pytest.approx(expected, abs=1e-6)
    assert row["by_length"]["48"]["binary"] == row["binary"]["map"]
    expected = by_hand(arrays["codes_16"], facts.labels == 0, facts.groups, asking, held)
    assert row["by_length"]["16"]["binary"][0] == pytest.approx(expected, abs=1e-6)


def test_the_quick_function_is_the_report(report, arrays, facts):
    held_out = facts.splits != "train"
    found = unseen(
        arrays["codes_48"][held_out],
        facts.labels[held_out],
        facts.groups[held_out],
        asking=facts.splits[held_out] == "test",
    )
    row = report["scopes"]["cxr-open"]["unseen"]
    assert found == {"binary": row["binary"]["map"], "classes": row["classes"]["map"], "auc": row["auc"]}


def test_parts_cover_all_queries_and_say_who_is_called_positive(report, facts):
    labels = report["by"]["label"]
    test = facts.splits == "test"
    assert {name: row["queries"] for name, row in labels.items()} == {
        name: int((facts.labels[test] == number).sum()) for number, name in enumerate(TASK.labels)
    }
    assert labels["covid-19"]["called"][0] > 0.9
    assert labels["normal"]["called"][0] < 0.1
    assert set(report["by"]["view"]) <= {"AP", "PA"}


def test_controls_know_what_is_told_and_nothing_else(report):
    controls = report["controls"]["cxr-open"]
    assert controls["black_centre"]["binary"]["drop"][0] > 0.2
    assert controls["random_codes"]["binary"][0] == pytest.approx(
        controls["black_centre"]["binary"]["map"][0], abs=0.03
    )
    assert controls["source_only"]["classes"][0] > controls["random_codes"]["classes"][0] + 0.1
    assert set(report["controls"]["what"]) == set(controls)


def test_code_quality_counts_test_pictures(report, arrays, facts):
    row = report["codes"]["covidx-open"]
    test = (facts.splits == "test") & (facts.collections == "covidx-open")
    codes = arrays["codes_16"][test]
    assert row["pictures"] == test.sum()
    assert row["lengths"]["16"]["distinct"] == len({code.tobytes() for code in codes})
    share = np.unpackbits(codes, axis=1).mean(axis=0)
    entropy = -sum(p * np.log2(np.maximum(p, 1e-12)) for p in (share, 1 - share))
    assert row["lengths"]["16"]["bit_entropy"] == pytest.approx(entropy.mean(), abs=1e-6)
    # The features are the bits: Euclidean order is Hamming order.
    assert row["order_agreement"][0] == pytest.approx(1.0)


def stored_results():
    return [path.stem for path in sorted(RESULTS.glob(f"*-{RESULT}.json"))]


@pytest.mark.skipif(
    not stored_results(), reason="nothing stored: run `python -m engine evaluate --protocol unseen --save`"
)
@pytest.mark.parametrize("name", stored_results())
def test_stored_figures_follow_from_stored_codes_and_the_manifest(name):
    result, arrays = load_result(name)
    task = TASKS[result["task"]]
    again = report_unseen(arrays, task)
    assert json.loads(json.dumps(again)) == {key: result[key] for key in again}


def test_a_collection_is_hashed_with_and_without_lungs():
    hasher = Hasher(MATDH().eval(), bits=48, side=64)
    gallery = load_dataset("simulated")
    few = replace(gallery, records=gallery.records[:5])
    seen = []
    arrays = hash_collection(hasher, few, lambda *done: seen.append(done), cache=None)
    pictures = [few.load(number) for number in range(5)]
    assert seen == [(5, 5)]
    assert arrays["ids"].tolist() == [record.id for record in few.records]
    for bits in hasher.lengths:
        assert np.array_equal(arrays[f"codes_{bits}"], Hasher(hasher.network, bits=bits, side=64).codes(pictures))
    assert arrays["black_48"].shape == (5, 6)
    distances = np.linalg.norm(np.diff(hasher.features(pictures), axis=0), axis=1)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(arrays["features"].astype(float), axis=0), axis=1), distances, rtol=0.02
    )
