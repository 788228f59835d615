import json

import numpy as np
import pytest

from engine.cli import main
from engine.commands.attack import intervals
from engine.studies.attacks import codes, run
from engine.studies.encrypted_search import measurement


def test_only_numbers_in_threes_are_intervals() -> None:
    found = {
        "classes": ["bone", "brain", "chest"],
        "rows": [{"form": "masked", "bits": 48, "confirm": [0.1, 0.0, 0.2]}],
        "pair": [1, 2],
    }
    assert list(intervals(found, ("study",))) == [("study rows masked 48 confirm", [0.1, 0.0, 0.2])]


@pytest.fixture
def tiny_map(monkeypatch, tmp_path):
    """A map of one study and one cell, measured in no time; returns what was asked and the folder of results."""
    asked, results = [], tmp_path / "results"
    results.mkdir()

    def study(progress, steps):
        return {"rows": [steps.once("row", lambda: asked.append("row") or {"right": np.array([True, False])})]}

    def networks(progress, methods, steps):
        answers = steps.once("answers", lambda: asked.append("answers") or {"predicted": np.zeros(2, np.uint8)})
        third = [0.5, 0.0, 1.0]
        cell = {"method": "vit", "setting": "fresh-8", "right": 1, "count": 2, "confusion": [[1, 0, 0]] * 3}
        cells = [cell | {"accuracy": third, "map": third, "p_at_10": third}]
        facts = {"networks": {}, "data_sha256": "0"}
        return {"provenance": facts, "seconds": {"vit": 90}, "cells": cells}, answers

    monkeypatch.setattr(codes, "tiny", study, raising=False)
    monkeypatch.setattr(run, "STUDIES", {"settings-chest": ("codes", "tiny")})
    monkeypatch.setattr(measurement, "measure", networks)
    monkeypatch.setattr("engine.artifacts.RESULTS", results)
    return asked, results


def test_one_command_measures_all_that_the_map_is_drawn_from(tiny_map, tmp_path, capsys) -> None:
    asked, results = tiny_map
    words = ["attack", "map", "--save", "--runs", str(tmp_path / "runs")]
    assert main(words) == 0
    printed = capsys.readouterr()
    assert "last time" not in printed.err
    attacked, searched = printed.out.splitlines()
    assert attacked.split() == ["settings-chest", "rows", "right", "0.5000", "[0.0000,", "1.0000]"]
    assert "fresh-8" in searched
    assert "1 of 2 right, accuracy 0.5000 [0.0000, 1.0000]" in searched
    assert sorted(path.name for path in results.iterdir()) == [
        "attacks.json", "attacks.npz", "encrypted_search.json", "encrypted_search.npz"
    ]  # fmt: skip
    assert json.loads((results / "attacks.json").read_text())["settings-chest"]["rows"] == [{"right": [0.5, 0.0, 1.0]}]
    assert main(words) == 0
    assert "the last time this took 1.5 minutes" in capsys.readouterr().err
    assert asked == ["row", "answers"] * 2


def test_what_was_measured_without_saving_is_not_measured_again(tiny_map, tmp_path, capsys) -> None:
    asked, results = tiny_map
    words = ["attack", "map", "--json", "--runs", str(tmp_path / "runs")]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["encrypted-search"]["cells"][0]["method"] == "vit"
    assert not list(results.iterdir())
    assert main([*words, "--save"]) == 0
    assert asked == ["row", "answers"]


def test_an_attack_alone_leaves_the_networks_be(tiny_map, tmp_path) -> None:
    asked, _ = tiny_map
    assert main(["attack", "settings-chest", "--runs", str(tmp_path / "runs")]) == 0
    assert asked == ["row"]


def test_the_help_says_what_to_measure_again_after_a_new_encoder(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["attack", "--help"])
    assert "python -m engine attack codes inversion stored-codes --save" in capsys.readouterr().out
