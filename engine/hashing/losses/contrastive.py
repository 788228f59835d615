"""ASH's losses (Fang et al., BIBM 2020): similar pairs together, others at least a margin apart, outputs near +-1."""

from torch import Tensor

from engine.hashing.losses.pairs import similar_pairs


def contrastive_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Pair loss ``(1 - y) d / 2 + y max(0, K/2 - d) / 2``, ``d`` the mean squared difference of a bit.

    ``y`` is 1 for a pair of two classes. Outputs are not squashed: under tanh ``d`` could never reach the margin.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        labels: ``(N,)`` int classes.

    Returns:
        Scalar loss over all pairs of one batch.

    Example:
        >>> import torch
        >>> u = torch.tensor([[1.0, 1.0], [0.5, 0.5]])
        >>> contrastive_loss(u, torch.tensor([0, 0])).item(), contrastive_loss(u, torch.tensor([0, 1])).item()
        (0.125, 0.375)
    """
    similar, first, second = similar_pairs(labels)
    apart = (logits[first] - logits[second]).square().mean(1)
    margin = logits.shape[1] / 2
    return (similar * apart + (1 - similar) * (margin - apart).clamp_min(0)).mean() / 2


def quantization_loss(logits: Tensor) -> Tensor:
    """Mean distance of outputs from -1 or +1, ``mean | |u| - 1 |``.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.

    Returns:
        Scalar loss.

    Example:
        >>> import torch
        >>> quantization_loss(torch.tensor([[1.0, -0.5], [-3.0, 1.0]])).item()
        0.625
    """
    return (logits.abs() - 1).abs().mean()
