"""DBDH's losses (Zheng et al., Neurocomputing 2020): binary codes in the forward pass, gradients straight through."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.hashing.losses.pairs import similar_pairs


def pairwise_likelihood_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Negative log-likelihood that pairs of one class are similar: ``mean[log(1 + e^t) - s t]``, ``t = <b_i, b_j>/2``.

    ``b = sign(u)`` goes forward; backward it counts as the identity where ``|u| <= 1`` and as a constant elsewhere.

    Deviation: pairs are those of one batch; DBDH pairs a batch with the whole training set.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        labels: ``(N,)`` int classes.

    Returns:
        Scalar loss over all pairs of two different pictures.

    Example:
        >>> u = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        >>> round(pairwise_likelihood_loss(u, torch.tensor([0, 1])).item(), 4)  # log 2
        0.6931
    """
    similar, first, second = similar_pairs(labels)
    codes = straight_through_sign(logits)
    theta = (codes[first] * codes[second]).sum(1) / 2
    return (functional.softplus(theta) - similar * theta).mean()


def bit_balance_loss(logits: Tensor) -> Tensor:
    """DBDH's balance, ``mean_i (mean_k u_ik)^2``: a code has as many ones as zeros.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.

    Returns:
        Scalar loss.

    Example:
        >>> bit_balance_loss(torch.tensor([[1.0, -1.0], [1.0, 3.0]])).item()
        2.0
    """
    return logits.mean(1).square().mean()


def straight_through_sign(logits: Tensor) -> Tensor:
    """Return -1 or +1 (0 counts as positive) with the gradient of ``clip(u, -1, 1)``.

    Args:
        logits: Any shape.
    """
    clipped = logits.clamp(-1, 1)
    signs = torch.where(logits >= 0, 1.0, -1.0)
    return clipped + (signs - clipped).detach()
