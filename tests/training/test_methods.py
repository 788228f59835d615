from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.datasets import load_dataset
from engine.hashing.losses import TARGETS
from engine.training.config import PRESETS, LossWeights
from engine.training.methods import METHODS
from engine.training.objective import RELAXATIONS
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.trainer import Trainer
from models.hashing import ENCODERS

BUDGET = replace(PRESETS["rivals"], side=64, epochs=1, batch=6, validate_every=1)


@pytest.fixture(scope="module")
def pictures() -> FramedPictures:
    gallery = load_dataset("simulated")
    chosen = [i for label in range(3) for i in np.flatnonzero(gallery.labels == label)[:4]]
    return framed_pictures(replace(gallery, records=tuple(gallery.records[i] for i in chosen)), 64, cache=None)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "matdh"])
def test_every_method_trains_two_steps(name: str, pictures: FramedPictures, tmp_path: Path) -> None:
    config = replace(BUDGET, **METHODS[name].changes)
    trainer = Trainer(config, pictures, pictures, None, tmp_path)
    before = [value.clone() for value in trainer.student.network.parameters()]
    row = trainer.run()[0]
    assert trainer.schedule.last_epoch == 2
    wanted = {field.name for field in fields(LossWeights) if getattr(config.weights, field.name)}
    assert wanted - {"map_distillation"} <= row.keys(), "MATDH's distillation waits for a teacher"
    assert all(np.isfinite(value) for value in row.values())
    after = trainer.student.network.parameters()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert (tmp_path / "best.safetensors").exists()


def test_methods_name_what_exists() -> None:
    for method in METHODS.values():
        config = replace(BUDGET, **method.changes)
        assert config.encoder in ENCODERS
        assert config.targets in TARGETS
        assert config.relaxation in RELAXATIONS


def test_a_method_changes_neither_pictures_nor_budget() -> None:
    own = {"encoder", "enhanced", "relaxation", "targets", "weights", "learning_rate"}
    assert set().union(*(method.changes for method in METHODS.values())) <= own
