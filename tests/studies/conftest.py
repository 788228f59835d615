import functools
from dataclasses import replace
from pathlib import Path

import pytest

from engine.datasets import Dataset, load_dataset
from engine.studies import ablations, recipes, transfer
from engine.training import run
from engine.training.config import PRESETS, TrainingConfig
from engine.training.pictures import framed_pictures

SMALL = TrainingConfig(side=32, epochs=1, batch=6, simulated=0, validate_every=1)


@pytest.fixture
def small_collection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dataset:
    """A small collection of two publishers, a small budget, no teacher and no cache."""
    gallery = load_dataset("simulated")
    kept = [
        replace(record, source=("cxnet", "talo")[number % 2])
        for split in ("train", "val", "test")
        for label in gallery.classes
        for number, record in enumerate([r for r in gallery.records if (r.split, r.label) == (split, label)][:4])
    ]
    small = replace(gallery, records=tuple(kept))
    for module in (run, ablations, transfer, recipes):
        monkeypatch.setattr(module, "load_dataset", lambda name: small)
    for module in (run, ablations):
        monkeypatch.setattr(module, "framed_pictures", functools.partial(framed_pictures, cache=None))
    monkeypatch.setenv("CXR_VAULT_PRETRAINED", str(tmp_path))
    monkeypatch.setitem(PRESETS, "ablation", SMALL)
    return small
