import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine import artifacts
from engine.datasets import Dataset, load_dataset
from engine.hashing import hasher
from engine.studies import baselines
from engine.training import run
from engine.training.config import PRESETS, TrainingConfig
from engine.training.pictures import framed_pictures

CHOSEN = ("matdh-half", "ath", "xmir")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dataset:
    """A small collection, a small budget, three methods and a folder of weights of their own."""
    gallery = load_dataset("simulated")
    kept = [
        record
        for split in ("train", "val", "test")
        for label in gallery.classes
        for record in [r for r in gallery.records if (r.split, r.label) == (split, label)][:4]
    ]
    small = replace(gallery, records=tuple(kept))
    monkeypatch.setattr(run, "load_dataset", lambda name: small)
    monkeypatch.setattr(run, "framed_pictures", functools.partial(framed_pictures, cache=None))
    monkeypatch.setitem(PRESETS, "baselines", TrainingConfig(side=32, epochs=1, batch=6, simulated=0, taught=False))
    monkeypatch.setattr(baselines, "BASELINES", CHOSEN)
    monkeypatch.setattr(artifacts, "WEIGHTS", tmp_path)
    hasher._shipped_network.cache_clear()
    yield small
    hasher._shipped_network.cache_clear()


def test_every_method_is_trained_at_both_rates_shipped_and_measured(few: Dataset, tmp_path: Path) -> None:
    seen: list[str] = []
    scores = baselines.train_baselines(0, tmp_path / "runs", lambda name, row: seen.append(name), tmp_path)
    assert seen == [f"{method}, {rate}" for method in CHOSEN for rate in ("slow", "fast")]
    result, arrays = baselines.measure_baselines(few, scores, lambda done, total: None)
    assert list(result["methods"]) == list(CHOSEN)
    assert arrays["query_xmir_features"].shape == (12, 64)
    assert arrays["gallery_ath_24"].shape == (12, 3)
    for method in CHOSEN:
        card = json.loads((tmp_path / f"{method}.json").read_text())
        assert card["training"]["best_validation_score"] == max(scores[method].values())
        assert card["training"]["teacher"] is None
        assert result["methods"][method]["cost"]["encode_ms"] > 0
