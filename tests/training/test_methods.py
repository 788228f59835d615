from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.datasets import load_dataset
from engine.hashing.methods import METHODS
from engine.training.config import PRESETS
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.run import method_changes
from engine.training.trainer import Trainer

BUDGET = replace(PRESETS["baselines"], side=64, epochs=1, batch=6, validate_every=1)


@pytest.fixture(scope="module")
def pictures() -> FramedPictures:
    gallery = load_dataset("simulated")
    chosen = [i for label in range(3) for i in np.flatnonzero(gallery.labels == label)[:4]]
    return framed_pictures(replace(gallery, records=tuple(gallery.records[i] for i in chosen)), 64, cache=None)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "matdh"])
def test_every_method_trains_two_steps(name: str, pictures: FramedPictures, tmp_path: Path) -> None:
    config = replace(BUDGET, **method_changes(name))
    trainer = Trainer(config, pictures, pictures, None, tmp_path)
    before = [value.clone() for value in trainer.student.network.parameters()]
    row = trainer.run()[0]
    assert trainer.schedule.last_epoch == 2
    wanted = {name for name, weight in config.weights.items() if weight}
    assert wanted - {"map_distillation"} <= row.keys(), "MATDH's distillation waits for a teacher"
    assert all(np.isfinite(value) for value in row.values())
    after = trainer.student.network.parameters()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert (tmp_path / "best.safetensors").exists()
