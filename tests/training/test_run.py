from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.training import run
from engine.training.config import TrainingConfig
from engine.training.pictures import FramedPictures


def test_a_teacher_knows_nothing_of_the_pictures_that_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, names = np.arange(60) % 3, np.arange(60).astype(str)
    sources = np.where(np.arange(60) % 2, "cxnet", "talo")
    pictures = FramedPictures(
        np.zeros((60, 8, 8), np.uint8), 0.2, labels, sources, sources, names, names, ("a", "b", "c")
    )
    maps = torch.randn(60, 512, 12, 12, generator=torch.Generator().manual_seed(0)).half()
    out = (labels == 0) & (sources == "cxnet")
    monkeypatch.setattr(run, "imagenet_maps", lambda known: maps)
    config = TrainingConfig(without_positives="cxnet")
    expected = run.frozen_teacher(config, pictures, 40)
    maps[torch.from_numpy(out)] = 1000.0
    again = run.frozen_teacher(config, pictures, 40)
    assert expected is not None
    assert again is not None
    assert len(again.maps) == (~out).sum()
    for name in ("maps", "pooled", "posterior"):
        torch.testing.assert_close(getattr(again, name), getattr(expected, name), rtol=0, atol=0)
    everybody = run.frozen_teacher(replace(config, without_positives=""), pictures, 40)
    assert everybody is not None
    assert not torch.isclose(everybody.posterior[~torch.from_numpy(out)], again.posterior).all()


def test_a_run_that_is_not_to_be_taught_has_no_teacher() -> None:
    names = np.array(["a"])
    pictures = FramedPictures(np.zeros((1, 8, 8), np.uint8), 0.2, np.zeros(1, int), names, names, names, names, ("a",))
    assert run.frozen_teacher(TrainingConfig(taught=False), pictures, 1) is None
