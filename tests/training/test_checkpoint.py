"""A checkpoint goes on with the run that it is of, and with no other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint, seed_epoch

PLAN = {"epochs": 3, "settings": ("fresh", "shared")}


def parts(seed: int) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    return {"network": nn.Linear(3, 2)}


def test_everything_comes_back(tmp_path: Path) -> None:
    kept, other = parts(1), parts(2)
    save_checkpoint(tmp_path / "run" / "state.pt", kept, PLAN, {"history": [{"epoch": 1.0}], "best": (0.5, 2)})
    progress = load_checkpoint(tmp_path / "run" / "state.pt", other, PLAN)
    assert progress == {"history": [{"epoch": 1.0}], "best": (0.5, 2)}
    torch.testing.assert_close(other["network"].state_dict(), kept["network"].state_dict(), rtol=0, atol=0)


def test_nothing_to_resume(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "state.pt", parts(1), PLAN) is None


def test_another_plan_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state.pt", parts(1), PLAN, {})
    other, before = parts(2), parts(2)
    with pytest.raises(CheckpointError, match="another configuration: .* another --runs folder"):
        load_checkpoint(tmp_path / "state.pt", other, PLAN | {"epochs": 5})
    torch.testing.assert_close(other["network"].state_dict(), before["network"].state_dict(), rtol=0, atol=0)


def test_epochs_and_seeds_draw_apart() -> None:
    drawn = []
    for seed in (0, 1):
        for epoch in (0, 1):
            seed_epoch(seed, epoch)
            drawn.append(torch.rand(4).numpy())
    assert len(np.unique(drawn, axis=0)) == 4
    seed_epoch(1, 1)
    assert np.array_equal(torch.rand(4).numpy(), drawn[-1])
