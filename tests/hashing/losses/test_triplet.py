import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.hashing.losses import squared_triplet_loss, triplet_loss
from engine.hashing.losses.triplet import euclidean_distances


def triplets(points: torch.Tensor, labels: list[int], margin: float) -> list[tuple[int, float]]:
    """(anchor, hinge) of every triplet, by plain loops."""
    found = []
    for a, p, n in itertools.product(range(len(labels)), repeat=3):
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
            near, far = (points[a] - points[p]).norm().item(), (points[a] - points[n]).norm().item()
            found.append((a, max(0.0, margin + near - far)))
    return found


@given(st.lists(st.integers(0, 2), min_size=2, max_size=7), st.integers(0, 1000))
def test_batch_all_is_the_mean_over_violated_triplets(labels: list[int], seed: int) -> None:
    points = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    violated = [hinge for _, hinge in triplets(points, labels, 0.5) if hinge > 0]
    expected = sum(violated) / len(violated) if violated else 0.0
    loss = triplet_loss(points, torch.tensor(labels), margin=0.5, mining="batch-all")
    assert loss.item() == pytest.approx(expected, abs=1e-5)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=7), st.integers(0, 1000))
def test_batch_hard_takes_the_worst_triplet_of_each_anchor(labels: list[int], seed: int) -> None:
    points = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = triplets(points, labels, 0.5)
    worst = [max(h for a, h in found if a == anchor) for anchor in {a for a, _ in found}]
    expected = sum(worst) / len(worst) if worst else 0.0
    loss = triplet_loss(points, torch.tensor(labels), margin=0.5, mining="batch-hard")
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_random_triplets_average_to_the_mean_over_all() -> None:
    torch.manual_seed(0)
    points, labels = torch.randn(6, 2), [0, 0, 0, 1, 1, 1]
    found = triplets(points, labels, 0.5)
    drawn = [triplet_loss(points, torch.tensor(labels), margin=0.5, mining="random").item() for _ in range(2000)]
    assert sum(drawn) / len(drawn) == pytest.approx(sum(h for _, h in found) / len(found), rel=0.05)


@pytest.mark.parametrize("mining", ["random", "batch-all", "batch-hard"])
def test_a_batch_of_one_class_costs_nothing(mining: str) -> None:
    points = torch.randn(4, 2, requires_grad=True)
    loss = triplet_loss(points, torch.zeros(4, dtype=torch.long), mining=mining)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(points.grad).all()


def test_equal_points_have_a_finite_gradient() -> None:
    points = torch.zeros(3, 2, requires_grad=True)
    triplet_loss(points, torch.tensor([0, 0, 1])).backward()
    assert torch.isfinite(points.grad).all()


def test_the_gradient_brings_like_together_and_drives_unlike_apart() -> None:
    points = torch.tensor([[0.0], [1.0], [1.05]], requires_grad=True)
    triplet_loss(points, torch.tensor([0, 0, 1]), margin=0.2).backward()
    assert points.grad[1] > 0
    assert points.grad[2] < 0


def test_distances_are_euclidean() -> None:
    points = torch.randn(5, 3)
    torch.testing.assert_close(euclidean_distances(points), torch.cdist(points, points), atol=1e-5, rtol=1e-4)


def test_unknown_mining_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown mining"):
        triplet_loss(torch.zeros(2, 2), torch.tensor([0, 1]), mining="best")


def test_squared_triplets_draw_one_positive_and_one_negative_an_anchor() -> None:
    generator = torch.Generator().manual_seed(1)
    # Two of each class: only the negative is left to chance, and a negative that stands in for another costs the same.
    first, second = torch.randn(2, 8, generator=generator)
    logits, labels = torch.stack([first, first + 1, second, second]), torch.tensor([0, 0, 1, 1])
    rows, total = logits.tolist(), 0.0
    for anchor, positive in ((0, 1), (1, 0), (2, 3), (3, 2)):
        near = sum((a - b) ** 2 for a, b in zip(rows[anchor], rows[positive], strict=True))
        total += near
    loss = squared_triplet_loss(logits * 0.01, labels).item()
    highest = 4 + 1e-4 * total / 4
    assert highest - 0.01 <= loss <= highest, "near zero every hinge stands open by K / 2"
    far = torch.tensor([[0.0], [0.0], [9.0], [9.0]])
    assert squared_triplet_loss(far, labels).item() == 0


def test_squared_triplets_are_loops_where_nothing_is_left_to_chance() -> None:
    logits, labels = torch.tensor([[0.0, 0.5], [0.25, 0.5], [0.5, -0.25]]), torch.tensor([0, 0, 1])
    rows = logits.tolist()

    def squared(i: int, j: int) -> float:
        return sum((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True))

    # The lone picture of class 1 has no positive and anchors nothing.
    expected = sum(max(0.0, 1 - squared(a, 2) + squared(a, p)) for a, p in ((0, 1), (1, 0))) / 2
    assert squared_triplet_loss(logits, labels).item() == pytest.approx(expected, rel=1e-6)
