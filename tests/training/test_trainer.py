from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.datasets import load_dataset
from engine.training.checkpoint import CheckpointError
from engine.training.config import CALM, ExpertConfig, TrainingConfig
from engine.training.loader import BatchLoader
from engine.training.objective import Batch, blend
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.teacher import StoredTeacher
from engine.training.trainer import Trainer

CONFIG = TrainingConfig(side=32, epochs=2, batch=9, validate_every=1, patience=5)


@pytest.fixture(scope="module")
def pictures() -> FramedPictures:
    gallery = load_dataset("simulated")
    chosen = [i for label in range(3) for i in np.flatnonzero(gallery.labels == label)[:9]]
    return framed_pictures(replace(gallery, records=tuple(gallery.records[i] for i in chosen)), 32, cache=None)


def test_frames_are_cached_and_read_back(tmp_path: Path) -> None:
    gallery = load_dataset("simulated")
    few = replace(gallery, records=gallery.records[:3])
    first = framed_pictures(few, 32, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(framed_pictures(few, 32, cache=tmp_path).pixels, first.pixels)


def test_frames_that_other_code_made_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = load_dataset("simulated")
    few = replace(gallery, records=gallery.records[:2])
    framed_pictures(few, 32, cache=tmp_path)
    monkeypatch.setattr("engine.hashing.frames.source_hash", lambda patterns: "f" * 64)
    framed_pictures(few, 32, cache=tmp_path)
    assert len({path.name.split("-", 1)[1] for path in tmp_path.iterdir()}) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_epochs_are_reproducible_and_differ(pictures: FramedPictures) -> None:
    loader = BatchLoader(pictures, None, CONFIG)
    first, again, other = (next(iter(loader.epoch(n))).views for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_lowers_the_loss_it_minimises(pictures: FramedPictures, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=5)
    history = Trainer(config, pictures, pictures, None, tmp_path).run()
    assert history[-1]["polarization"] < history[0]["polarization"]
    assert (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize("mining", ["batch-all", "random"])
def test_a_stopped_run_goes_on_to_the_same_weights(pictures: FramedPictures, tmp_path: Path, mining: str) -> None:
    torch.set_num_threads(1)
    config = replace(CONFIG, mining=mining)
    straight = Trainer(config, pictures, pictures, None, tmp_path / "straight")
    straight.run()
    halted = Trainer(config, pictures, pictures, None, tmp_path / "halted")

    def stop(row: dict[str, float]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        halted.run(stop)
    resumed = Trainer(config, pictures, pictures, None, tmp_path / "halted")
    history = resumed.run()
    assert [row["epoch"] for row in history] == [1, 2]
    for name, value in straight.student.state_dict().items():
        torch.testing.assert_close(resumed.student.state_dict()[name], value, msg=name)


def test_a_run_does_not_go_on_with_another_configuration(pictures: FramedPictures, tmp_path: Path) -> None:
    Trainer(CONFIG, pictures, pictures, None, tmp_path).run()
    with pytest.raises(CheckpointError):
        Trainer(replace(CONFIG, epochs=CONFIG.epochs + 1), pictures, pictures, None, tmp_path).run()


def test_a_run_that_stopped_early_stays_stopped(pictures: FramedPictures, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=9, patience=1)
    first = Trainer(config, pictures, pictures, None, tmp_path)
    first.stale = 1
    assert first.run() == []
    first.history = [{"epoch": 1.0}]
    first._save_state()
    assert Trainer(config, pictures, pictures, None, tmp_path).run() == [{"epoch": 1.0}]


def test_a_teacher_adds_its_three_terms(pictures: FramedPictures, tmp_path: Path) -> None:
    count = len(pictures)
    teacher = StoredTeacher(torch.randn(count, 64, 12, 12).half(), torch.randn(count, 1024), torch.rand(count, 3), 40)
    row = Trainer(replace(CONFIG, epochs=1), pictures, pictures, teacher, tmp_path).run()[0]
    assert {"map_distillation", "feature_distillation", "posterior_distillation"} <= row.keys()


def test_the_end_is_calm() -> None:
    config = TrainingConfig(epochs=10, calm_from=0.75, mixup=0.4, experts=ExpertConfig())
    kinds = [config.views_at(epoch) for epoch in range(10)]
    assert kinds == [(config.augmentation, 0.4)] * 8 + [(CALM, 0.0)] * 2


def test_simulated_pictures_join_late(pictures: FramedPictures) -> None:
    config = replace(CONFIG, epochs=4, simulated_from=0.5)
    extra = replace(pictures, sources=np.full(len(pictures), "other"))
    drawn: list[set[int]] = []
    for epoch in range(4):
        loader = BatchLoader(pictures, None, config, extra)
        seen: set[int] = set()
        loader._batch = lambda positions, *_, seen=seen: seen.update(positions.tolist())  # type: ignore
        list(loader.epoch(epoch))
        drawn.append(seen)
    assert [max(seen) >= len(pictures) for seen in drawn] == [False, False, True, True]


def test_joined_pictures_follow_one_another(pictures: FramedPictures) -> None:
    both = pictures.joined(pictures)
    assert len(both) == 2 * len(pictures)
    np.testing.assert_array_equal(both.pixels[len(pictures) :], pictures.pixels)


def test_blending_is_linear_in_pictures_and_labels() -> None:
    plain = Batch(torch.randn(2, 1, 4, 4), torch.tensor([0, 2]), None, 1.0, torch.tensor([0, 2]))
    mixed = blend(plain, 0.7, np.array([1, 0]))
    torch.testing.assert_close(mixed.views[0], 0.7 * plain.views[0] + 0.3 * plain.views[1])
    assert mixed.blended_labels.tolist() == [2, 0]
    assert mixed.share == 0.7
