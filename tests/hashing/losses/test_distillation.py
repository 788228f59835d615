import pytest
import torch

from engine.hashing.losses import map_distillation_loss


def test_it_is_one_minus_the_mean_cosine_over_positions() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 4, 3, 5), torch.randn(2, 4, 3, 5)
    cosines = [
        (student[n, :, y, x] @ teacher[n, :, y, x] / (student[n, :, y, x].norm() * teacher[n, :, y, x].norm())).item()
        for n in range(2)
        for y in range(3)
        for x in range(5)
    ]
    assert map_distillation_loss(student, teacher).item() == pytest.approx(1 - sum(cosines) / len(cosines), rel=1e-5)


def test_scale_does_not_matter() -> None:
    maps = torch.randn(1, 4, 2, 2)
    assert map_distillation_loss(3 * maps, maps).item() == pytest.approx(0, abs=1e-6)
