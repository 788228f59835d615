"""The Benchmarks page's part about galleries that nothing was trained on."""

import numpy as np
import pytest

from engine.artifacts import RESULTS, load_result, save_result
from engine.datasets import TASKS, manifest_hash
from engine.datasets.facts import task_facts
from engine.hashing.codes import pack_bits
from engine.studies.unseen import report_unseen
from pages.components.benchmarks import evidence
from pages.components.benchmarks.unseen import (
    control_lines,
    dial_table,
    inside_table,
    kept_sentence,
    met_before,
    ring_table,
    unseen_table,
)


@pytest.fixture(scope="module")
def found():
    facts = task_facts(TASKS["cxr"])
    draw = np.random.default_rng(0)
    facts = facts.where(draw.random(len(facts)) < np.where(facts.splits == "train", 0.05, 0.15))
    bits = draw.random((len(facts), 48)) < 0.5
    bits[:, :24] = (facts.labels == 0)[:, None] ^ (draw.random((len(facts), 24)) < 0.2)
    arrays = {"codes_48": pack_bits(bits), "black_48": pack_bits(draw.random(bits.shape) < 0.5)}
    return report_unseen({"ids": facts.ids, "features": bits.astype(np.float16), **arrays}, TASKS["cxr"])


def test_the_unseen_gallery_comes_first_and_the_papers_stands_beside(found):
    lines = unseen_table(found, "covidx-open").splitlines()
    assert [line.split(" ")[1] for line in lines[2:]] == ["Unseen", "Test", "The"]
    row = found["scopes"]["covidx-open"]["unseen"]
    assert f"{row['binary']['map'][0]:.3f} (" in lines[2]
    assert f"({row['queries']:,} ask {row['gallery']:,})" in lines[2]


def test_the_ring_is_ranked_by_what_it_finds():
    ring = load_result("ring_unseen")[0]
    lines = ring_table(ring).splitlines()[2:]
    figures = [float(line.split("|")[2].split()[0]) for line in lines]
    assert figures == sorted(figures, reverse=True)
    assert len(lines) == len(ring["methods"])


def test_every_share_of_the_dial_is_a_row_and_how_to_choose_it_is_said(open_page):
    from tests.pages.reading import texts

    dial = load_result("dial")[0]
    lines = dial_table(dial).splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == list(dial["shares"])
    for line, row in zip(lines, dial["shares"].values(), strict=True):
        assert f"| {row['distinct']} |" in line
        for length in row["lengths"].values():
            assert f"| {length['binary'][0]:.3f}; {length['classes'][0]:.3f} |" in line
    said = texts(open_page("benchmarks", part="Unseen galleries"))
    assert "index --codes" in said
    assert lines[0] in said


def test_hospitals_and_their_views_are_rows(found):
    table = inside_table(found)
    for origin, row in found["inside"].items():
        assert f"| {origin} |" in table
        for view in row["views"]:
            assert f"| {origin}, {view} only |" in table


def test_controls_and_what_codes_keep_are_said(found):
    lines = control_lines(found, "cxr-open")
    assert any(
        line.startswith(f"mAP {found['controls']['cxr-open']['source_only']['binary'][0]:.3f}") for line in lines
    )
    said = kept_sentence(found, "cxr-open")
    row = found["codes"]["cxr-open"]
    assert f"{row['lengths']['48']['distinct']:,} different codes" in said
    assert f"meets the label of {row['server']['classes']['purity'][0]:.0%}" in said


def test_the_page_shows_it_once_it_is_measured(open_page, found, monkeypatch, tmp_path):
    from tests.pages.reading import texts

    monkeypatch.setattr("pages.components.kit.results.FOLDER", tmp_path)
    (tmp_path / "paper_a.json").write_text((RESULTS / "paper_a.json").read_text())
    assert "evaluate --method matdh --protocol unseen --save" in texts(open_page("benchmarks", part="Unseen galleries"))
    save_result("matdh-unseen", found, {}, tmp_path)
    app = open_page("benchmarks", part="Unseen galleries")
    assert not app.exception
    assert "Inside one hospital" in texts(app)


def test_figures_of_other_splits_are_shown_as_such():
    measured = {"protocol": {"dataset": "covidx-open"}, "provenance": {"data_sha256": "0" * 64}}
    assert "Measured on other splits of covidx-open" in evidence.other_splits_sentence(measured)
    current = measured | {"provenance": {"data_sha256": manifest_hash("covidx-open")}}
    assert evidence.other_splits_sentence(current) is None


def test_patients_that_the_start_has_met_are_said():
    found = {
        "scopes": {
            "cxr": {"papers": {"queries": 9, "binary": {"map": [0.9, 0.8, 1.0]}, "classes": {"map": [0.7, 0.6, 0.8]}}},
            "cxr, new patients": {
                "papers": {"queries": 7, "binary": {"map": [0.85, 0.8, 0.9]}, "classes": {"map": [0.6, 0.5, 0.7]}}
            },
        }
    }
    (sentence,) = met_before(found, "cxr", "binary")
    assert "another picture of 2 of them" in sentence
    assert "mAP 0.850 (0.800 to 0.900)" in sentence
    assert "mAP 0.600" in met_before(found, "cxr", "three_class")[0]
    assert met_before({"scopes": {"cxr": found["scopes"]["cxr"]}}, "cxr", "binary") == []
    assert met_before(None, "cxr", "binary") == []
