import math

import pytest
import torch

from engine.hashing.losses import map_distillation_loss, posterior_distillation_loss


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


def test_every_bit_is_asked_for_the_probability_of_the_classes_that_have_it() -> None:
    torch.manual_seed(0)
    logits, posterior = torch.randn(4, 5), torch.rand(4, 3).softmax(1)
    targets = torch.randn(3, 5).sign()
    expected = 0.0
    for n in range(4):
        for k in range(5):
            wanted = sum(posterior[n, c].item() for c in range(3) if targets[c, k] > 0)
            said = 1 / (1 + math.exp(-2 * logits[n, k].item()))
            expected -= wanted * math.log(said) + (1 - wanted) * math.log(1 - said)
    assert posterior_distillation_loss(logits, posterior, targets).item() == pytest.approx(expected / 20, rel=1e-5)
