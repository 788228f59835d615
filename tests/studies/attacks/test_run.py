import json
import subprocess
import sys
from functools import partial
from importlib import import_module

import numpy as np
import pytest

from engine.artifacts import load_arrays
from engine.attacks.measured_map import TASKS
from engine.attacks.outcome import AttackError
from engine.errors import VaultError
from engine.studies.attacks import codes, run
from engine.studies.attacks.values import kept_interval
from engine.studies.steps import Steps


@pytest.fixture
def two_studies(monkeypatch):
    def study(value):
        def measure(progress):
            progress(1, 1)
            return {"value": value, "right": np.arange(8) < value, "picture": np.full((2, 2), value, np.uint8)}

        return measure

    monkeypatch.setattr(codes, "one", study(1), raising=False)
    monkeypatch.setattr(codes, "two", study(2), raising=False)
    monkeypatch.setattr(run, "STUDIES", {"one": ("codes", "one"), "other": ("codes", "two")})


def test_one_study_or_all(two_studies):
    seen = []
    result = run.run_attacks(["one"], lambda *step: seen.append(step))
    assert result["one"]["value"] == 1
    assert set(result["one"]) == {"value", "right", "picture", "commit", "machine", "seconds"}
    assert seen == [("one", 1, 1)]
    assert list(run.run_attacks(["all"], lambda *step: None)) == ["one", "other"]


def test_an_unknown_study_is_a_sentence():
    with pytest.raises(VaultError, match="no attack 'magic'"):
        run.run_attacks(["toy", "magic"], lambda *step: None)
    assert issubclass(AttackError, VaultError)


def test_the_map_stands_for_its_studies():
    assert set(run.studies_of(["map"])) == {*TASKS.values(), "stored-codes", "private-search"}
    assert run.studies_of(["toy", "map", "toy"]) == ["toy", *run.MAP_STUDIES]
    assert run.studies_of(["map", "all"]) == list(run.STUDIES)


def test_a_stopped_study_of_the_map_goes_on(monkeypatch, tmp_path):
    asked = []

    def measure(number):
        asked.append(number)
        if asked == [0, 1]:
            raise KeyboardInterrupt
        return {"right": number}

    def study(progress, steps):
        return {"rows": [steps.once(f"row {number}", partial(measure, number)) for number in range(3)]}

    monkeypatch.setattr(codes, "long", study, raising=False)
    monkeypatch.setattr(run, "STUDIES", dict.fromkeys(run.MAP_STUDIES[:1], ("codes", "long")))
    with pytest.raises(KeyboardInterrupt):
        run.run_attacks(["map"], print, Steps(tmp_path))
    found = run.run_attacks(["map"], print, Steps(tmp_path))
    assert found["settings-anatomy"]["rows"] == [{"right": number} for number in range(3)]
    # The step that was stopped is measured again, the one before it is not.
    assert asked == [0, 1, 1, 2]


def test_the_time_of_the_last_run_is_read_from_the_results(tmp_path):
    assert run.seconds_last_time(["map"], tmp_path) == 0
    (tmp_path / "attacks.json").write_text(json.dumps({"toy": {"seconds": 5}, "settings-chest": {"seconds": 60}}))
    (tmp_path / "encrypted_search.json").write_text(json.dumps({"seconds": {"pictures": 7, "vit": 8}}))
    assert run.seconds_last_time(["toy", "settings-chest"], tmp_path) == 65
    assert run.seconds_last_time(["map"], tmp_path) == 75
    assert run.seconds_last_time(["all"], tmp_path) == 65


def test_saving_one_study_keeps_the_others(two_studies, tmp_path):
    for name in ("one", "other"):
        path = run.save_attacks(run.run_attacks([name], lambda *step: None), tmp_path)
    saved, values = json.loads(path.read_text()), load_arrays("attacks", tmp_path)
    assert [result["value"] for result in saved.values()] == [1, 2]
    assert set(values) == {"one/right", "one/picture", "other/right", "other/picture"}
    for name in ("one", "other"):
        assert saved[name]["right"] == kept_interval(values[f"{name}/right"])
        assert "picture" not in saved[name]
        assert values[f"{name}/picture"].max() == saved[name]["value"]


@pytest.mark.parametrize("name", run.STUDIES)
def test_every_name_leads_to_a_study(name):
    module, function = run.STUDIES[name]
    assert callable(getattr(import_module(f"engine.studies.attacks.{module}"), function))


def test_naming_the_studies_loads_none_of_them():
    code = (
        "import sys, engine.studies.attacks.run; sys.exit(any(m in sys.modules for m in ('torch', 'faiss', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
