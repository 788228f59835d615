"""Distillation of a frozen teacher, so that a small collection is not the only thing learnt from."""

from torch import Tensor
from torch.nn import functional


def map_distillation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean cosine distance between two feature maps, position by position.

    Args:
        student: ``(N, C, H, W)`` projected student map.
        teacher: ``(N, C, H, W)`` teacher map, aligned with the student's view.

    Returns:
        Scalar in 0..2.
    """
    return 1 - functional.cosine_similarity(student.float(), teacher.float(), dim=1).mean()


def posterior_distillation_loss(logits: Tensor, posterior: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy between a code's bits and what the teacher's class posterior expects of them.

    A bit is 1 with the probability of the classes whose codeword has a 1 there; the hash layer's output ``u`` says
    so with probability ``sigmoid(2 u)``.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        posterior: ``(N, C)`` float, rows sum to 1.
        targets: ``(C, K)`` codewords of -1 and +1.

    Returns:
        Scalar loss.

    Example:
        >>> import torch
        >>> certain, even = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
        >>> words = torch.tensor([[1.0], [-1.0]])
        >>> round(posterior_distillation_loss(torch.zeros(1, 1), even, words).item(), 4)
        0.6931
        >>> posterior_distillation_loss(torch.tensor([[9.0]]), certain, words).item() < 1e-6
        True
    """
    expected = posterior @ (targets > 0).float()
    return functional.binary_cross_entropy_with_logits(2 * logits, expected)
