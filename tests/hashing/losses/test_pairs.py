"""The pair losses of DBDH, ASH and DCH against loops over all pairs."""

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from engine.hashing.losses import (
    bit_balance_loss,
    cauchy_pair_loss,
    cauchy_quantization_loss,
    contrastive_loss,
    pairwise_likelihood_loss,
    quantization_loss,
)
from engine.hashing.losses.pairwise import straight_through_sign

LABELS = torch.tensor([0, 1, 2, 1, 0, 0])


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(6, 8, generator=torch.Generator().manual_seed(0))


def pairs(logits: Tensor) -> list[tuple[bool, list[float], list[float]]]:
    rows = logits.tolist()
    return [(bool(LABELS[i] == LABELS[j]), rows[i], rows[j]) for i, j in combinations(range(len(rows)), 2)]


def test_the_pairwise_likelihood_is_of_binary_codes(logits: Tensor) -> None:
    total = 0.0
    for similar, u, v in pairs(logits):
        theta = sum(math.copysign(1, a) * math.copysign(1, b) for a, b in zip(u, v, strict=True)) / 2
        total += math.log(1 + math.exp(theta)) - similar * theta
    assert pairwise_likelihood_loss(logits, LABELS).item() == pytest.approx(total / 15, rel=1e-5)


def test_the_sign_lets_the_gradient_through_where_outputs_are_small() -> None:
    logits = torch.tensor([-3.0, -0.5, 0.0, 0.7, 1.5], requires_grad=True)
    codes = straight_through_sign(logits)
    codes.sum().backward()
    assert codes.tolist() == [-1, -1, 1, 1, 1]
    assert logits.grad is not None
    assert logits.grad.tolist() == [0, 1, 1, 1, 0]


def test_balance_is_the_squared_mean_of_a_code(logits: Tensor) -> None:
    expected = sum((sum(row) / 8) ** 2 for row in logits.tolist()) / 6
    assert bit_balance_loss(logits).item() == pytest.approx(expected, rel=1e-5)


def test_contrastive_pulls_pairs_together_and_pushes_others_to_the_margin(logits: Tensor) -> None:
    total = 0.0
    for similar, u, v in pairs(logits):
        apart = sum((a - b) ** 2 for a, b in zip(u, v, strict=True)) / 8
        total += 0.5 * apart if similar else 0.5 * max(0.0, 0.5 * 8 - apart)
    assert contrastive_loss(logits, LABELS).item() == pytest.approx(total / 15, rel=1e-5)


def test_quantization_is_the_distance_to_plus_or_minus_one(logits: Tensor) -> None:
    expected = sum(abs(abs(value) - 1) for row in logits.tolist() for value in row) / 48
    assert quantization_loss(logits).item() == pytest.approx(expected, rel=1e-5)


def bits_apart(u: list[float], v: list[float]) -> float:
    cosine = sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)
    return len(u) / 2 * (1 - cosine)


def test_cauchy_pairs_weigh_both_kinds_alike(logits: Tensor) -> None:
    kinds: dict[bool, list[float]] = {True: [], False: []}
    for similar, u, v in pairs(logits):
        d = bits_apart(u, v)
        kinds[similar].append(similar * math.log(d / 20) + math.log(1 + 20 / d))
    expected = sum(sum(terms) / len(terms) for terms in kinds.values())
    assert cauchy_pair_loss(logits, LABELS).item() == pytest.approx(expected, rel=1e-4)


def test_cauchy_quantization_is_the_distance_to_the_all_ones_code(logits: Tensor) -> None:
    expected = sum(math.log(1 + bits_apart([abs(a) for a in row], [1.0] * 8) / 20) for row in logits.tolist()) / 6
    assert cauchy_quantization_loss(logits).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", [pairwise_likelihood_loss, contrastive_loss, cauchy_pair_loss])
def test_equal_codes_and_a_lone_class_leave_the_gradient_finite(loss) -> None:  # noqa: ANN001
    logits = torch.ones(4, 8, requires_grad=True)
    for labels in (torch.tensor([0, 1, 0, 1]), torch.zeros(4, dtype=torch.int64)):
        value = loss(logits, labels)
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
