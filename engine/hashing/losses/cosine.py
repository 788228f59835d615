"""OrthoHash's one loss (Hoe et al., NeurIPS 2021): the class is told from the cosine with its codeword."""

from torch import Tensor
from torch.nn import functional


def cosine_margin_loss(
    logits: Tensor, labels: Tensor, targets: Tensor, *, margin: float = 0.2, scale: float = 8.0
) -> Tensor:
    """Cross-entropy of ``scale * (cos(u, t_c) - margin [c = y])`` over the classes.

    Deviation: OrthoHash normalises the hash layer's outputs over the batch; here they go in as they are, as in every
    other method. Scale and margin are ours.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        labels: ``(N,)`` int rows of ``targets``.
        targets: ``(C, K)`` codewords of -1 and +1.
        margin: How much nearer than all other codewords the right one must be.
        scale: Sharpness of the softmax.

    Returns:
        Scalar loss.

    Example:
        >>> import torch
        >>> words = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
        >>> round(cosine_margin_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), words, margin=0.0).item(), 4)
        0.6931
    """
    cosines = functional.normalize(logits) @ functional.normalize(targets).T
    right = functional.one_hot(labels, len(targets))
    return functional.cross_entropy(scale * (cosines - margin * right), labels)
