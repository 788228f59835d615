"""``dial`` and ``sketches``: printed always, written where asked."""

from typing import Any

import pytest

from engine.cli import main
from engine.hashing.keeps import KEEPS


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr("engine.artifacts.save_result", lambda name, result, arrays: names.append(name))
    return names


def measured_dial(progress: Any) -> tuple[dict, dict]:
    progress(1, 1)
    figures = {name: [0.5, 0.4, 0.6] for name in ("binary", "classes", "auc", "kin_in_ten", "purity")}
    return {"shares": dict.fromkeys(KEEPS, figures | {"distinct": 3})}, {}


def measured_sketches() -> tuple[dict, dict]:
    row = {"codes": {"guessed": [0.75, 0.7, 0.8]}, "chance": 0.25}
    return {"held": ["codes"], "facts": {"label": row}}, {}


@pytest.mark.parametrize(
    ("command", "measure", "line"),
    [
        ("dial", measured_dial, "label mAP binary 0.5000 classes 0.5000 AUC 0.5000 3 codes kin 0.500 server 0.500"),
        ("sketches", measured_sketches, "label codes 0.750 chance 0.250"),
    ],
)
def test_a_study_is_printed_and_saved_only_where_asked(monkeypatch, saved, capsys, command, measure, line) -> None:
    monkeypatch.setattr(f"engine.studies.{command}.measure_{command}", measure)
    assert main([command]) == 0
    assert saved == []
    assert " ".join(capsys.readouterr().out.splitlines()[0].split()) == line
    assert main([command, "--save"]) == 0
    assert saved == [command]
