import json

import numpy as np
import pytest

from engine.cli import main

ROW = {"accuracy": [0.9, 0.8, 1.0], "formula_bytes": 4_000_000, "file_bytes": 5_000_000}
ENTRY = {
    "variants": {"fp32": ROW, "full-naive": {"accuracy": [0.3, 0.2, 0.4], "formula_bytes": 1_000_000}},
    "latency": {"1": {"fp32": [20.0, 1.0, 0.8], "full": [5.0, 4.0, 3.2]}},
}


@pytest.fixture
def measured(monkeypatch):
    asked: list[str] = []

    def measure(name, progress):
        asked.append(name)
        progress(1, 1)
        return ENTRY, {"fp32": np.arange(2)}

    monkeypatch.setattr("engine.studies.quantization.measurement.measure", measure)
    return asked


def test_every_network_is_measured_and_printed(measured, capsys):
    assert main(["quantize"]) == 0
    out, err = capsys.readouterr()
    assert measured == ["matdh", "vgg16", "vit"]
    assert "matdh: variant 1 of 1" in err
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["matdh", "fp32", "accuracy", "0.9000", "[0.8000,", "1.0000]", "5.00", "MB"]
    assert lines[1][-2:] == ["1.00", "MB"]
    assert lines[3][:6] == ["matdh", "full", "batch", "1", "5.00", "ms"]


def test_a_network_is_written_when_asked_to(measured, monkeypatch, capsys):
    saved = []
    monkeypatch.setattr(
        "engine.studies.quantization.measurement.save", lambda entries, arrays: saved.append((entries, arrays))
    )
    assert main(["quantize", "matdh", "--json", "--save"]) == 0
    assert saved[0][0] == {"matdh": ENTRY}
    assert list(saved[0][1]["matdh"]) == ["fp32"]
    assert json.loads(capsys.readouterr().out) == {"matdh": ENTRY}


def test_times_alone_are_taken_again(monkeypatch, capsys):
    monkeypatch.setattr("engine.studies.quantization.measurement.time_again", lambda name: ENTRY)
    assert main(["quantize", "matdh", "--times"]) == 0
    assert "4.00 x as fast as fp32, 3.20 x as fp32 compiled" in capsys.readouterr().out


def test_tuning_is_added_when_asked_for(monkeypatch, capsys):
    monkeypatch.setattr("engine.studies.quantization.measurement.tune", lambda name, progress: (ENTRY, {}))
    assert main(["quantize", "vgg16", "--tune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"vgg16": ENTRY}


def test_an_unknown_network_is_one_sentence_and_status_2(capsys):
    assert main(["quantize", "lenet"]) == 2
    err = capsys.readouterr().err.strip()
    assert "choose one of matdh" in err
    assert len(err.splitlines()) == 1
