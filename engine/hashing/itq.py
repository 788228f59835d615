"""Iterative quantization: a linear hash head for the features of any encoder, fitted without labels.

Gong and Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", CVPR 2011: project onto
the principal components, then turn them until their signs lose as little as possible. The turn spreads what varies most
over all bits, so that Hamming distance follows the distance of the features.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROUNDS = 50


@dataclass(frozen=True)
class LinearHead:
    """A linear hash head: a bit is 1 where ``features @ weight + bias`` is not negative.

    Attributes:
        weight: ``(F, bits)`` float64.
        bias: ``(bits,)`` float64.
    """

    weight: Floats
    bias: Floats

    def outputs(self, features: npt.NDArray[np.floating]) -> Floats:
        """Return what the bits are the signs of, ``(N, bits)`` float64, for features ``(N, F)``."""
        return np.asarray(features @ self.weight + self.bias, np.float64)


def fit_itq(features: npt.NDArray[np.floating], bits: int, *, flatten: float = 0.0, seed: int = 0) -> LinearHead:
    """Fit a hash head by iterative quantization.

    Args:
        features: ``(N, F)`` float, N and F at least ``bits``.
        bits: Code length.
        flatten: How much the components are evened out before they are turned: each is divided by its deviation to this
            power. With 0 what varies most (in a supervised network, the label) fills most bits; with 1 every component
            counts alike, and codes keep more of what tells two pictures of a label apart.
        seed: Of the first turn.

    Returns:
        The head.

    Raises:
        ValueError: Too few features or pictures for so many bits, or a feature that is not finite.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> features = draw.normal(size=(200, 16)) * np.linspace(4, 1, 16)
        >>> fit_itq(features, 8).outputs(features).shape
        (200, 8)
    """
    if min(features.shape) < bits:
        count, width = features.shape
        raise ValueError(f"{count} pictures with {width} features each are too few for {bits} bits")
    if not np.isfinite(features).all():
        raise ValueError("a feature is not a finite number")
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = variances[::-1][:bits].clip(min=np.finfo(np.float64).tiny)
    basis = directions[:, ::-1][:, :bits] / kept ** (flatten / 2)
    weight = basis @ _turn(centred @ basis, seed)
    return LinearHead(weight, -mean @ weight)


def _turn(components: Floats, seed: int) -> Floats:
    """Return the ``(bits, bits)`` rotation under which ``components`` lie nearest to their signs (Procrustes)."""
    bits = components.shape[1]
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((bits, bits)))[0]
    for _ in range(ROUNDS):
        signs = np.where(components @ rotation >= 0, 1.0, -1.0)
        left, _, right = np.linalg.svd(signs.T @ components)
        rotation = (left @ right).T
    return rotation
