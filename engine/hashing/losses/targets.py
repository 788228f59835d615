"""Polarised class targets: every class owns one codeword and each bit is pulled to its side of a margin.

This is DPN's loss (Fan et al., IJCAI 2020) used beside MATDH's triplets; it is what keeps long codes from drifting
apart inside a class, so that a ball of Hamming radius 2 is seldom empty.
"""

import numpy as np
import torch
from torch import Tensor


def hierarchical_targets(bits: int, classes: int = 3, *, near_share: float = 1 / 3, seed: int = 0) -> Tensor:
    """Return codewords for (COVID-19, normal, pneumonia) whose distances follow the two tasks.

    COVID-19 against the rest is the binary task of paper A, normal against pneumonia the finer one. Normal and
    pneumonia therefore differ in a ``near_share`` of the bits only, and COVID-19 lies as far from both as the
    triangle inequality allows: ``1 - near_share / 2`` of the bits.

    Args:
        bits: Code length.
        classes: 3: the tree of two tasks is drawn for three classes.
        near_share: Share of bits in which normal and pneumonia differ.
        seed: Bit order and signs are shuffled by this seed, so that no code is constant.

    Returns:
        ``(3, bits)`` float tensor of -1 and +1.

    Raises:
        ValueError: Another number of classes.

    Example:
        >>> covid, normal, pneumonia = hierarchical_targets(48)
        >>> int((normal != pneumonia).sum()), int((covid != normal).sum()), int((covid != pneumonia).sum())
        (16, 40, 40)
    """
    if classes != 3:
        raise ValueError(f"hierarchical codewords are of 3 classes, not {classes}: choose orthogonal or random ones")
    differing = round(bits * near_share / 2) * 2
    normal = np.ones(bits)
    pneumonia = np.where(np.arange(bits) < differing, -1.0, 1.0)
    covid = -normal
    # Where normal and pneumonia differ, COVID-19 sides with each of them half of the time.
    covid[: differing // 2] = 1.0
    generator = np.random.default_rng(seed + bits)
    order, signs = generator.permutation(bits), generator.choice([-1.0, 1.0], bits)
    words = np.stack([covid, normal, pneumonia])[:, order] * signs
    return torch.from_numpy(words).float()


def polarization_loss(logits: Tensor, labels: Tensor, targets: Tensor, *, margin: float = 1.0) -> Tensor:
    """DPN's polarization: ``mean_n sum_k max(0, m - u_nk t_k) / K``.

    Args:
        logits: ``(N, K)`` raw hash-layer output ``u``.
        labels: ``(N,)`` int rows of ``targets``.
        targets: ``(C, K)`` codewords of -1 and +1.
        margin: DPN's ``m``.

    Returns:
        Scalar loss.

    Example:
        >>> polarization_loss(torch.tensor([[2.0, 0.5]]), torch.tensor([0]), torch.tensor([[1.0, -1.0]])).item()
        0.75
    """
    return (margin - logits * targets[labels]).clamp_min(0).mean()
