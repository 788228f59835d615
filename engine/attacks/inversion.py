"""From a code back to a picture: the decoder that an attacker trains on public pictures.

Linear ridge regression on the bits, its strength chosen on validation pictures. A code can only be turned into one
picture, so the question is how much of the patient is left in the code, not how clever the decoder is.
"""

from dataclasses import dataclass

import numpy as np

from engine.attacks.outcome import Adversary
from engine.hashing.codes import unpack_bits

ADVERSARY = Adversary(knows="The plain codes of pictures it has not seen, the public hashing network, public pictures.")
PENALTIES = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Decoder:
    """A trained decoder.

    Attributes:
        bits: ``(B,)`` mean of the bits.
        picture: ``(H, W)`` mean picture: what it says without looking at a code.
        weights: ``(B, H * W)``.
    """

    bits: np.ndarray
    picture: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, pictures: np.ndarray, penalty: float) -> "Decoder":
        """Learn from the attacker's own pictures.

        Args:
            codes: ``(N, bits // 8)`` uint8.
            pictures: ``(N, H, W)`` uint8.
            penalty: of large weights, above 0.
        """
        bits = unpack_bits(codes).astype(np.float64)
        centre, mean = bits.mean(axis=0), pictures.mean(axis=0)
        inputs, targets = bits - centre, (pictures - mean).reshape(len(pictures), -1)
        weights = np.linalg.solve(inputs.T @ inputs + penalty * np.eye(bits.shape[1]), inputs.T @ targets)
        return cls(centre, mean, weights)

    @classmethod
    def fit_best(cls, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> "Decoder":
        """Fit with the penalty whose pictures come nearest to the validation pictures.

        Args:
            train: codes and pictures.
            validation: codes and pictures.
        """
        fitted = [cls.fit(*train, penalty) for penalty in PENALTIES]
        return min(fitted, key=lambda decoder: np.square(decoder.values(validation[0]) - validation[1]).mean())

    def values(self, codes: np.ndarray) -> np.ndarray:
        """``(N, bits // 8)`` uint8 codes to ``(N, H, W)`` float64 gray levels, not rounded."""
        flat = (unpack_bits(codes) - self.bits) @ self.weights
        return flat.reshape(-1, *self.picture.shape) + self.picture

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """``(N, bits // 8)`` uint8 codes to ``(N, H, W)`` uint8 pictures."""
        return as_levels(self.values(codes))


def as_levels(values: np.ndarray) -> np.ndarray:
    """Round gray levels into uint8.

    >>> as_levels(np.array([-3.0, 99.6, 300.0])).tolist()
    [0, 100, 255]
    """
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
