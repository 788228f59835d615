from pathlib import Path

import numpy as np
import pytest

from engine.cli import main


def test_the_ring_is_run_written_and_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    figures = {"binary": {"map": [0.9, 0.8, 1.0]}, "three_class": {"map": [0.7, 0.6, 0.8]}}
    asked: list[tuple] = []

    def run(seed: int, runs: Path, report, progress) -> tuple[dict, dict]:  # noqa: ANN001
        asked.append((seed, runs))
        report("dpn, slow", {"epoch": 1.0})
        progress(1, 1)
        return {"methods": {"dpn": {"bits": {"48": figures}}, "xmir": {"bits": {"features": figures}}}}, {
            "x": np.eye(2)
        }

    saved: list[str] = []
    monkeypatch.setattr("engine.studies.baselines.run_baselines", run)
    monkeypatch.setattr("engine.artifacts.save_result", lambda name, result, arrays: saved.append(name))
    assert main(["baselines", "--seed", "3", "--runs", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert asked == [(3, tmp_path)]
    assert saved == ["baselines"]
    assert "dpn, slow: epoch 1" in err
    assert out.splitlines()[1].split() == ["xmir", "binary", "mAP", "0.9000", "three_class", "mAP", "0.7000"]
