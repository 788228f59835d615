"""Codewords of the classes: DPN's far-apart random ones and OrthoHash's orthogonal ones."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.hashing.losses.targets import hierarchical_targets

CLASSES = 3


def random_targets(bits: int, seed: int = 0) -> Tensor:
    """Return DPN's random codewords, drawn again until they are far apart.

    Three codewords are at most ``2 K / 3`` bits apart in pairs; a draw counts when all pairs differ in 0.6 K.

    Args:
        bits: Code length K.
        seed: Of the draws.

    Returns:
        ``(3, bits)`` float tensor of -1 and +1.

    Example:
        >>> words = random_targets(48)
        >>> min(int((words[a] != words[b]).sum()) for a, b in ((0, 1), (0, 2), (1, 2))) >= 0.6 * 48
        True
    """
    generator = np.random.default_rng((seed, bits))
    while True:
        words = generator.choice([-1.0, 1.0], (CLASSES, bits))
        products = words @ words.T
        # Two words differ in (K - <a, b>) / 2 bits.
        if (bits - products[np.triu_indices(CLASSES, 1)]).min() / 2 >= 0.6 * bits:
            return torch.from_numpy(words).float()


def orthogonal_targets(bits: int, seed: int = 0) -> Tensor:
    """Return OrthoHash's codewords: every two of them differ in exactly half of the bits.

    Args:
        bits: Code length, a multiple of 4.
        seed: Bit order and signs are shuffled by this seed.

    Returns:
        ``(3, bits)`` float tensor of -1 and +1.

    Example:
        >>> words = orthogonal_targets(24)
        >>> (words @ words.T).tolist() == (24 * torch.eye(3)).tolist()
        True
    """
    generator = np.random.default_rng((seed, bits))
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1]], float)
    words = np.tile(hadamard, bits // 4)[:, generator.permutation(bits)] * generator.choice([-1.0, 1.0], bits)
    return torch.from_numpy(words).float()


TARGETS: dict[str, Callable[[int], Tensor]] = {
    "hierarchical": hierarchical_targets,
    "random": random_targets,
    "orthogonal": orthogonal_targets,
}
