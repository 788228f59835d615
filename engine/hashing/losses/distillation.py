"""Distillation of a frozen teacher's feature map, so that a small collection is not the only thing learnt from."""

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
