"""The Cauchy losses of deep Cauchy hashing (DCH, Cao et al., CVPR 2018), the nearest public form of SWTH's."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.hashing.losses.pairs import similar_pairs

GAMMA = 20.0


def cauchy_pair_loss(logits: Tensor, labels: Tensor, *, gamma: float = GAMMA) -> Tensor:
    """DCH's pair loss ``w [s log(d / g) + log(1 + g / d)]`` with ``d = (K / 2) (1 - cos(u_i, u_j))``.

    ``w`` gives similar and dissimilar pairs of the batch the same say. For ``s = 1`` the bracket is
    ``log(1 + d / g)``, which is finite at ``d = 0``.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        labels: ``(N,)`` int classes.
        gamma: DCH's scale ``g`` of the Cauchy distribution, in bits.

    Returns:
        Scalar loss over all pairs of one batch.

    Example:
        >>> u = torch.tensor([[1.0, 1.0], [1.0, -1.0]])  # cosine 0: d = 1
        >>> round(cauchy_pair_loss(u, torch.tensor([0, 1]), gamma=1.0).item(), 4)  # log 2
        0.6931
    """
    similar, first, second = similar_pairs(labels)
    apart = _bits_apart(logits[first], logits[second])
    terms = similar * torch.log1p(apart / gamma) + (1 - similar) * torch.log1p(gamma / apart.clamp_min(1e-4))
    shares = torch.where(similar > 0, similar.sum(), (1 - similar).sum()) / len(similar)
    return (terms / shares).mean()


def cauchy_quantization_loss(logits: Tensor, *, gamma: float = GAMMA) -> Tensor:
    """DCH's quantization loss ``log(1 + d(|u|, 1) / g)``.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        gamma: DCH's scale ``g``, in bits.

    Returns:
        Scalar loss.

    Example:
        >>> cauchy_quantization_loss(torch.tensor([[2.0, -2.0]])).item() < 1e-6  # all bits equally sure
        True
    """
    sizes = logits.abs()
    return torch.log1p(_bits_apart(sizes, torch.ones_like(sizes)) / gamma).mean()


def _bits_apart(first: Tensor, second: Tensor) -> Tensor:
    cosine = functional.cosine_similarity(first, second, dim=1)
    return first.shape[1] / 2 * (1 - cosine).clamp_min(0)
