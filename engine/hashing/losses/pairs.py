"""Pairs of pictures of one batch."""

import torch
from torch import Tensor


def similar_pairs(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """List every pair of two different pictures once.

    Args:
        labels: ``(N,)`` int classes.

    Returns:
        For each of the ``N (N - 1) / 2`` pairs: 1.0 where both are of one class, the first position, the second.

    Example:
        >>> [values.tolist() for values in similar_pairs(torch.tensor([0, 1, 0]))]
        [[0.0, 1.0, 0.0], [0, 0, 1], [1, 2, 2]]
    """
    first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
    return (labels[first] == labels[second]).float(), first, second
