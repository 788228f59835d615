import json
from types import SimpleNamespace

import numpy as np
import pytest

from engine.artifacts import load_result, result_path
from engine.datasets import DataError, Dataset, Task, find_task
from engine.datasets.facts import Facts, task_facts
from engine.datasets.manifest import read_manifest
from engine.hashing.codes import pack_bits
from engine.studies import leave_one_source_out as study
from engine.studies.leave_one_source_out import (
    inside_source,
    leave_one_source_out,
    positive_origins,
    positives_against_rest,
    two_label_origins,
)
from engine.training.run import configuration

TASK = Task("made up", "cxr-open", ("covid-19", "normal", "pneumonia"), "covid-19")
COUNT = 400


@pytest.fixture(scope="module")
def facts():
    """Four hospitals: two hold two labels, one positives only, one the rest only."""
    draw = np.random.default_rng(0)
    origins = draw.choice(["both", "negatives", "positives", "healthy"], COUNT)
    low = np.array([{"both": 0, "negatives": 1, "positives": 0, "healthy": 1}[name] for name in origins])
    high = np.array([{"both": 2, "negatives": 2, "positives": 0, "healthy": 1}[name] for name in origins])
    labels = np.where(draw.random(COUNT) < 0.5, low, high)
    names = np.array([str(n) for n in range(COUNT)])
    return Facts(
        ids=names,
        labels=labels,
        groups=names,
        patients=names,
        origins=origins,
        splits=draw.choice(["train", "val", "test"], COUNT),
        views=np.where(labels == 0, "AP", draw.choice(["AP", "PA", ""], COUNT)),
        findings=names,
        collections=np.full(COUNT, "cxr-open"),
        earlier=np.zeros(COUNT, bool),
    )


def codes_with(facts, honest):
    """Codes that say the label everywhere, or only which hospital it is."""
    draw = np.random.default_rng(1)
    told = facts.labels if honest else np.unique(facts.origins, return_inverse=True)[1]
    bits = np.repeat(np.eye(4, dtype=bool)[told], 4, axis=1)
    return pack_bits(bits ^ (draw.random(bits.shape) < 0.1))


def test_sources_are_found_by_their_labels(facts):
    assert two_label_origins(facts, TASK) == ("both", "negatives")
    assert positive_origins(facts, TASK) == ("both", "positives")


def test_the_score_is_taken_against_other_hospitals_training_pictures(facts):
    codes = codes_with(facts, honest=True)
    row = inside_source(codes, facts, TASK, "both", facts.splits == "test")
    asked = (facts.origins == "both") & (facts.splits == "test")
    known = (facts.origins != "both") & (facts.splits == "train")
    distances = np.unpackbits(codes[asked][:, None] ^ codes[known], axis=2).sum(axis=2)
    positive = facts.labels[known] == 0
    scores = distances[:, ~positive].mean(axis=1) - distances[:, positive].mean(axis=1)
    mine, others = (scores[facts.labels[asked] == label] for label in (0, 2))
    pairs = (mine[:, None] > others) + 0.5 * (mine[:, None] == others)
    assert row["labels"] == ["covid-19", "pneumonia"]
    assert row["counts"] == [len(mine), len(others)]
    assert row["auc"][0] == pytest.approx(pairs.mean(), abs=1e-6)


def test_a_detector_of_hospitals_fails_inside_one(facts):
    every = np.ones(COUNT, bool)
    honest = inside_source(codes_with(facts, honest=True), facts, TASK, "negatives", every)
    detector = inside_source(codes_with(facts, honest=False), facts, TASK, "negatives", every)
    assert honest["labels"] == ["pneumonia", "normal"]
    assert honest["auc"][0] > 0.95
    assert honest["map"][0] > 0.9
    assert 0.35 < detector["auc"][0] < 0.65


def test_a_view_is_listed_where_it_has_both_labels(facts):
    row = inside_source(codes_with(facts, honest=True), facts, TASK, "both", np.ones(COUNT, bool))
    assert list(row["views"]) == ["AP"]
    assert row["views"]["AP"]["counts"][0] == row["counts"][0]
    assert row["views"]["AP"]["counts"][1] < row["counts"][1]


def test_positives_are_told_from_test_negatives_of_all_others(facts):
    row = positives_against_rest(codes_with(facts, honest=True), facts, TASK, "positives", np.ones(COUNT, bool))
    assert row["counts"] == [
        (facts.origins == "positives").sum(),
        ((facts.labels != 0) & (facts.splits == "test")).sum(),
    ]
    assert row["auc"][0] > 0.95


def test_each_source_is_asked_of_its_own_network(facts):
    asked = []

    def codes_without(origin):
        asked.append(origin)
        return codes_with(facts, honest=origin == "both")

    seen = codes_with(facts, honest=True)
    rows = leave_one_source_out(codes_without, facts, TASK, seen)
    assert asked == ["both", "negatives", "positives"]
    assert set(rows["inside"]) == {"both", "negatives"}
    assert set(rows["positives"]) == {"both", "positives"}
    assert rows["inside"]["both"]["left_out"] == inside_source(seen, facts, TASK, "both", np.ones(COUNT, bool))
    ceiling = rows["inside"]["negatives"]
    assert ceiling["seen_test"]["auc"][0] > ceiling["left_out_test"]["auc"][0] + 0.2


def test_without_both_labels_elsewhere_there_is_no_auc(facts):
    alone = facts.where(np.isin(facts.origins, ["positives", "negatives"]))
    row = inside_source(codes_with(facts, honest=True)[: len(alone)], alone, TASK, "negatives", alone.splits != "train")
    assert row["auc"] is None
    assert len(row["map"]) == 3


def test_each_network_is_trained_without_its_source_from_a_random_start(monkeypatch, tmp_path):
    """Trainings are stood in for: what is asked for and how its codes are read is what counts."""
    asked = []

    def train(method, preset, seed, runs, epochs, told, variant):
        told({"loss": 1.0})
        asked.append((variant, configuration(method, preset, seed, epochs, variant)))
        return SimpleNamespace(config=asked[-1][1])

    everything = task_facts(find_task("covidx"))
    few = everything.where(np.arange(len(everything)) % 2 == 0)
    records = [r for r in read_manifest("covidx-open", tmp_path) if r.id in set(few.ids)]
    dataset = Dataset("covidx-open", ("covid-19", "normal", "pneumonia"), tuple(records))
    monkeypatch.setattr(Task, "load", lambda task: dataset)
    monkeypatch.setattr("engine.training.run.train_method", train)
    monkeypatch.setattr(
        study, "_codes_of", lambda run, part: pack_bits(np.repeat(part.labels[:, None] == 0, 48, axis=1))
    )
    seen = []
    result, arrays = study.run_leave_one_source_out(
        "covidx", 3, tmp_path, ["hannover", "nih"], 2, lambda *row: seen.append(row)
    )
    assert [variant for variant, _ in asked] == ["left out nothing", "left out hannover", "left out nih"]
    assert [config.without for _, config in asked] == ["nothing", "hannover", "nih"]
    assert {(config.start, config.epochs, config.seed) for _, config in asked} == {("", 2, 3)}
    assert [name for name, _ in seen] == ["nothing", "hannover", "nih"]
    assert set(arrays) == {"ids", "nothing", "hannover", "nih"}
    assert result["positives"]["hannover"]["left_out"]["auc"] == [1.0, 1.0, 1.0]
    again = study.report_leave_one_source_out(arrays, find_task("covidx"))
    assert {key: result[key] for key in again} == again
    with pytest.raises(DataError, match="'mars' cannot be left out: choose from"):
        study.run_leave_one_source_out("covidx", 0, tmp_path, ["mars"], 1, lambda *row: None)


@pytest.mark.skipif(
    not result_path(study.RESULT).exists(), reason="not measured yet: python -m engine leave-one-source-out"
)
def test_stored_figures_follow_from_stored_codes_and_the_manifest():
    result, arrays = load_result(study.RESULT)
    again = study.report_leave_one_source_out(arrays, find_task(result["task"]))
    assert json.loads(json.dumps(again)) == {key: result[key] for key in again}
