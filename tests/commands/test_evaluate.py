import json
from dataclasses import replace

import pytest

from engine.cli import main
from engine.datasets import Dataset, load_dataset
from engine.hashing import Hasher
from engine.studies import baseline_figures


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A small collection, and an untrained X-MIR and DPN in place of the shipped ones."""
    from models.hashing import build_network

    gallery = load_dataset("simulated")
    kept = [r for split in ("train", "test") for r in [r for r in gallery.records if r.split == split][:12]]
    small = replace(gallery, records=tuple(kept))
    networks = {"dpn": build_network("resnet18").eval(), "xmir": build_network("densenet").eval()}
    monkeypatch.setattr("engine.datasets.load_dataset", lambda name: small)
    monkeypatch.setattr(baseline_figures, "provenance", lambda dataset, method: {"weights": method})
    monkeypatch.setattr(
        Hasher, "load", classmethod(lambda cls, bits=48, method="dpn": cls(networks[method], bits=bits, side=64))
    )
    return small


@pytest.mark.parametrize(("method", "bits", "kind"), [("dpn", "24", "24"), ("xmir", "48", "features")])
def test_a_rival_is_measured_from_pictures(
    few: Dataset, capsys: pytest.CaptureFixture, method: str, bits: str, kind: str
) -> None:
    assert main(["evaluate", "--method", method, "--bits", bits, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["protocol"]["query_count"] == 12
    assert list(printed["bits"]) == [kind]
    assert printed["protocol"]["metric"].startswith("Hamming ranking") == (method == "dpn")
    assert 0 <= printed["bits"][kind]["binary"]["map"][0] <= 1
    assert ("precision_within_2" in printed["bits"][kind]["binary"]) == (method == "dpn")


def test_figures_are_printed_for_people_too(few: Dataset, capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", "--method", "xmir"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["binary", "map"], ["binary", "p_at_1"]]


def test_an_unknown_length_is_refused_before_anything_is_measured(
    few: Dataset, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.studies.retrieval.evaluate_method", lambda *_: pytest.fail("measured"))
    assert main(["evaluate", "--method", "matdh", "--bits", "20"]) == 2
    assert "choose one of 16, 24" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--method", "dpn", "--save"], "engine baselines"),
        (["--method", "dpn", "--bits", "20"], "choose one of 16, 24"),
    ],
)
def test_bad_input_is_one_sentence(
    few: Dataset, capsys: pytest.CaptureFixture, words: list[str], sentence: str
) -> None:
    assert main(["evaluate", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert "\n" not in said
