"""Codewords of the classes: DPN's far-apart random ones and OrthoHash's orthogonal ones."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.hashing.losses.targets import hierarchical_targets

# Three or four codewords are at most 2/3 of the bits apart in pairs (Plotkin); four are drawn that far too seldom.
LEAST_APART = {3: 0.6, 4: 0.5}


def random_targets(bits: int, classes: int = 3, seed: int = 0) -> Tensor:
    """Return DPN's random codewords, drawn again until all pairs differ in ``LEAST_APART`` of the bits.

    Args:
        bits: Code length K.
        classes: 3 or 4 codewords.
        seed: Of the draws.

    Returns:
        ``(classes, bits)`` float tensor of -1 and +1.

    Example:
        >>> words = random_targets(48)
        >>> min(int((words[a] != words[b]).sum()) for a, b in ((0, 1), (0, 2), (1, 2))) >= 0.6 * 48
        True
    """
    generator = np.random.default_rng((seed, bits))
    while True:
        words = generator.choice([-1.0, 1.0], (classes, bits))
        products = words @ words.T
        # Two words differ in (K - <a, b>) / 2 bits.
        if (bits - products[np.triu_indices(classes, 1)]).min() / 2 >= LEAST_APART[classes] * bits:
            return torch.from_numpy(words).float()


def orthogonal_targets(bits: int, classes: int = 3, seed: int = 0) -> Tensor:
    """Return OrthoHash's codewords: every two of them differ in exactly half of the bits.

    Args:
        bits: Code length, a multiple of 4.
        classes: At most 4 codewords.
        seed: Bit order and signs are shuffled by this seed.

    Returns:
        ``(classes, bits)`` float tensor of -1 and +1.

    Example:
        >>> words = orthogonal_targets(24)
        >>> (words @ words.T).tolist() == (24 * torch.eye(3)).tolist()
        True
    """
    generator = np.random.default_rng((seed, bits))
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], float)[:classes]
    words = np.tile(hadamard, bits // 4)[:, generator.permutation(bits)] * generator.choice([-1.0, 1.0], bits)
    return torch.from_numpy(words).float()


TARGETS: dict[str, Callable[[int, int], Tensor]] = {
    "hierarchical": hierarchical_targets,
    "random": random_targets,
    "orthogonal": orthogonal_targets,
}
