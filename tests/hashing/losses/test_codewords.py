import math
from itertools import combinations

import pytest
import torch

from engine.hashing.losses import TARGETS, cosine_margin_loss, orthogonal_targets, random_targets
from models.network import CODE_LENGTHS


def distances(words: torch.Tensor) -> list[int]:
    return [int((words[a] != words[b]).sum()) for a, b in combinations(range(len(words)), 2)]


@pytest.mark.parametrize("bits", CODE_LENGTHS)
def test_random_codewords_are_far_apart(bits: int) -> None:
    apart = distances(random_targets(bits))
    assert min(apart) >= 0.6 * bits
    assert sum(apart) <= 2 * bits, "no three codewords are farther apart than this"


@pytest.mark.parametrize("bits", CODE_LENGTHS)
def test_orthogonal_codewords_differ_in_half_of_the_bits(bits: int) -> None:
    assert distances(orthogonal_targets(bits)) == [bits // 2] * 3


@pytest.mark.parametrize("name", TARGETS)
def test_codewords_are_signs_and_the_same_in_every_process(name: str) -> None:
    words = TARGETS[name](48)
    assert words.shape == (3, 48)
    assert set(words.flatten().tolist()) == {-1.0, 1.0}
    assert torch.equal(words, TARGETS[name](48))


def test_the_cosine_loss_is_cross_entropy_with_a_margin_on_the_right_class() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels, words = torch.randn(5, 16, generator=generator), torch.tensor([0, 1, 2, 1, 0]), random_targets(16)
    total = 0.0
    for u, label in zip(logits.tolist(), labels.tolist(), strict=True):
        scores = []
        for number, word in enumerate(words.tolist()):
            cosine = sum(a * b for a, b in zip(u, word, strict=True)) / math.hypot(*u) / 4
            scores.append(8 * (cosine - 0.2 * (number == label)))
        total -= scores[label] - math.log(sum(math.exp(score) for score in scores))
    assert cosine_margin_loss(logits, labels, words).item() == pytest.approx(total / 5, rel=1e-5)
