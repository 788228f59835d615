"""Triplet losses (paper A Eq. 8-9) with the triplets chosen in three ways.

Paper A prints Eq. 9 as ``max(0, m - d(q, p) + d(q, n))``, which would push similar pictures apart; the text and
Eq. 8 ask for the opposite, ``max(0, m + d(q, p) - d(q, n))``, and that is what is computed here.
"""

import torch
from torch import Tensor


def triplet_loss(embeddings: Tensor, labels: Tensor, *, margin: float = 0.2, mining: str = "batch-all") -> Tensor:
    """Triplet hinge on Euclidean distances inside one batch.

    Args:
        embeddings: ``(N, D)`` float features or relaxed codes.
        labels: ``(N,)`` int classes.
        margin: Paper A's ``m``.
        mining: ``"random"`` draws one positive and one negative per anchor (paper A); ``"batch-all"`` averages
            over every triplet with a positive loss (the public code of the family); ``"batch-hard"`` takes the
            farthest positive and the nearest negative.

    Returns:
        Scalar loss; 0 where the batch holds no triplet.

    Example:
        >>> points = torch.tensor([[0.0], [0.1], [5.0]])
        >>> triplet_loss(points, torch.tensor([0, 0, 1]), margin=0.2).item()
        0.0
    """
    distances = euclidean_distances(embeddings)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    if mining == "batch-all":
        return _batch_all(distances, positive, ~same, margin)
    if mining == "batch-hard":
        return _batch_hard(distances, positive, ~same, margin)
    if mining == "random":
        return _random(distances, positive, ~same, margin)
    raise ValueError(f"unknown mining {mining!r}: use random, batch-all or batch-hard")


def squared_triplet_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """ATH's triplets (Fang et al., Medical Image Analysis 2021): ``max(0, K/2 - d(a, n) + d(a, p))``, ``d`` squared.

    One positive and one negative are drawn for every anchor. Outputs are not squashed.

    Args:
        logits: ``(N, K)`` raw hash-layer output.
        labels: ``(N,)`` int classes.

    Returns:
        Scalar loss; 0 where the batch holds no triplet.

    Example:
        >>> points = torch.tensor([[0.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
        >>> squared_triplet_loss(points, torch.tensor([0, 0, 1])).item()
        0.0
    """
    squared = (logits[:, None] - logits[None]).square().sum(-1)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return _random(squared, positive, ~same, logits.shape[1] / 2)


def euclidean_distances(embeddings: Tensor) -> Tensor:
    """Return all pairwise Euclidean distances ``(N, N)`` with a gradient that stays finite at zero distance."""
    squared = (embeddings[:, None] - embeddings[None]).square().sum(-1)
    return (squared + 1e-12).sqrt()


def _batch_all(distances: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    hinge = (margin + distances[:, :, None] - distances[:, None, :]).clamp_min(0)
    hinge = hinge * (positive[:, :, None] & negative[:, None, :])
    return hinge.sum() / (hinge > 0).sum().clamp_min(1)


def _batch_hard(distances: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    farthest = distances.masked_fill(~positive, -torch.inf).amax(1)
    nearest = distances.masked_fill(~negative, torch.inf).amin(1)
    hinge = (margin + farthest - nearest).clamp_min(0)
    return hinge[positive.any(1) & negative.any(1)].sum() / (positive.any(1) & negative.any(1)).sum().clamp_min(1)


def _random(distances: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    anchors = torch.nonzero(positive.any(1) & negative.any(1)).flatten()
    if not len(anchors):
        return distances.sum() * 0
    near = torch.multinomial(positive[anchors].float(), 1).squeeze(1)
    far = torch.multinomial(negative[anchors].float(), 1).squeeze(1)
    return (margin + distances[anchors, near] - distances[anchors, far]).clamp_min(0).mean()
