from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.training.config import ExpertConfig, TrainingConfig
from engine.training.experts import Experts, train_expert
from engine.training.pictures import FramedPictures
from engine.training.run import expert_folder
from engine.training.trainer import Trainer
from models.expert import Expert
from models.vgg16 import convolutional_base

HOW = ExpertConfig(count=2, epochs=1, batch=6)
CONFIG = TrainingConfig(side=32, epochs=1, batch=6, mixup=0.4, experts=HOW, validate_every=1)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand in for the ImageNet file: the same names and shapes, random values."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("base") / "base.safetensors"
    save_file({f"features.{name}": value.half() for name, value in convolutional_base().state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def pictures() -> FramedPictures:
    draw = np.random.default_rng(0)
    names = np.array([str(i) for i in range(12)])
    pixels = draw.integers(0, 256, (12, 40, 40), dtype=np.uint8)
    return FramedPictures(
        pixels, 0.12, np.arange(12) % 3, np.full(12, "one"), np.full(12, "one"), names, names, ("a", "b", "c")
    )


def test_an_expert_is_trained_once_and_read_back(base: Path, pictures: FramedPictures, tmp_path: Path) -> None:
    trained = train_expert(CONFIG, HOW, 3, pictures, base, CPU, tmp_path)
    assert not trained.training
    again = train_expert(CONFIG, HOW, 3, pictures, base, CPU, tmp_path)
    for name, value in trained.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    fresh = Expert(base).state_dict()
    assert not torch.equal(fresh["base.layers.0.weight"], trained.state_dict()["base.layers.0.weight"])


def test_experts_teach_what_is_seen_on_the_views_together(base: Path) -> None:
    torch.manual_seed(1)
    networks = [Expert(base).eval() for _ in range(2)]
    teacher, views = Experts(networks), torch.randn(5, 1, 32, 32)
    lesson = teacher.lesson(views, np.arange(5), np.zeros((5, 2, 3)))
    assert teacher.sizes == (lesson.maps.shape[1], lesson.pooled.shape[1]) == (1024, 2048)
    assert lesson.maps.shape[2:] == (2, 2)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected = sum(network(views)[2].float().softmax(1) for network in networks) / 2
    torch.testing.assert_close(lesson.posterior, expected)
    # What all views have in common teaches nothing.
    torch.testing.assert_close(lesson.pooled.mean(0), torch.zeros(2048), atol=1e-4, rtol=0)
    assert not lesson.posterior.requires_grad


def test_a_student_learns_from_experts_on_blended_views(base: Path, pictures: FramedPictures, tmp_path: Path) -> None:
    teacher = Experts([Expert(base).eval() for _ in range(2)])
    row = Trainer(CONFIG, pictures, pictures, teacher, tmp_path).run()[0]
    assert {"map_distillation", "feature_distillation", "posterior_distillation"} <= row.keys()


def test_experts_are_shared_by_seeds_and_by_nothing_else() -> None:
    names = [
        expert_folder(Path("runs"), config)
        for config in (CONFIG, replace(CONFIG, seed=1), replace(CONFIG, epochs=9), replace(CONFIG, frame_margin=0.2))
    ]
    assert names[0] == names[1] == names[2] != names[3]
    # One who saw a publisher's positives may not teach where they are left out.
    assert expert_folder(Path("runs"), replace(CONFIG, without_positives="cxnet")) != names[0]


def test_only_experts_can_say_what_is_on_a_blend() -> None:
    with pytest.raises(ValueError, match="needs experts"):
        TrainingConfig(mixup=0.4)
