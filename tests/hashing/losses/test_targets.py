import pytest
import torch

from engine.hashing.losses import hierarchical_targets, polarization_loss
from models.network import CODE_LENGTHS


@pytest.mark.parametrize("bits", CODE_LENGTHS)
def test_the_binary_task_is_farther_apart_than_the_finer_one(bits: int) -> None:
    covid, normal, pneumonia = hierarchical_targets(bits)
    near = (normal != pneumonia).sum().item()
    assert near > 2, "within radius 2, normal and pneumonia must not meet"
    assert (covid != normal).sum() == (covid != pneumonia).sum() == bits - near // 2
    assert near < bits - near // 2


@pytest.mark.parametrize("bits", CODE_LENGTHS)
def test_targets_reach_the_triangle_bound(bits: int) -> None:
    words = hierarchical_targets(bits)
    total = sum((words[a] != words[b]).sum() for a, b in ((0, 1), (0, 2), (1, 2)))
    assert total == 2 * bits


def test_targets_are_the_same_in_every_process_and_differ_by_seed() -> None:
    assert torch.equal(hierarchical_targets(48), hierarchical_targets(48))
    assert not torch.equal(hierarchical_targets(48), hierarchical_targets(48, seed=1))


def test_polarization_is_a_hinge_per_bit() -> None:
    torch.manual_seed(0)
    logits, labels, targets = torch.randn(5, 8), torch.tensor([0, 1, 2, 1, 0]), hierarchical_targets(8)
    loops = [max(0.0, 1.5 - logits[n, k].item() * targets[labels[n], k].item()) for n in range(5) for k in range(8)]
    loss = polarization_loss(logits, labels, targets, margin=1.5)
    assert loss.item() == pytest.approx(sum(loops) / len(loops), rel=1e-5)


def test_codes_beyond_the_margin_cost_nothing() -> None:
    targets = hierarchical_targets(16)
    assert polarization_loss(targets * 1.01, torch.arange(3), targets).item() == 0
