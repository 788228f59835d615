"""From a code or descriptor back to a picture: the decoder that an attacker trains on public pictures.

Linear ridge regression on the bits or bytes, its strength chosen on validation pictures. A code can only be turned into
one picture, so the question is how much of the patient is left in the code, not how clever the decoder is.
"""

from dataclasses import dataclass

import numpy as np

from engine.attacks.outcome import Adversary

ADVERSARY = Adversary(knows="The plain codes of pictures it has not seen, the public hashing network, public pictures.")
PENALTIES = (1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Decoder:
    """A trained decoder.

    Attributes:
        centre: ``(D,)`` mean of what it reads.
        picture: ``(H, W)`` mean picture: what it says without looking at a code.
        weights: ``(D, H * W)``.
    """

    centre: np.ndarray
    picture: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, held: np.ndarray, pictures: np.ndarray, penalty: float) -> "Decoder":
        """Learn from the attacker's own pictures.

        Args:
            held: ``(N, D)``, 0..1, what it has of each: the bits of a code, or :func:`bytes_of` a descriptor.
            pictures: ``(N, H, W)`` uint8.
            penalty: of large weights, above 0.
        """
        values = held.astype(np.float64)
        centre, mean = values.mean(axis=0), pictures.mean(axis=0)
        inputs, targets = values - centre, (pictures - mean).reshape(len(pictures), -1)
        weights = np.linalg.solve(inputs.T @ inputs + penalty * np.eye(values.shape[1]), inputs.T @ targets)
        return cls(centre, mean, weights)

    @classmethod
    def fit_best(cls, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> "Decoder":
        """Fit with the penalty whose pictures come nearest to the validation pictures.

        Args:
            train: what it has, and pictures.
            validation: the same of others.
        """
        fitted = [cls.fit(*train, penalty) for penalty in PENALTIES]
        return min(fitted, key=lambda decoder: np.square(decoder.values(validation[0]) - validation[1]).mean())

    def values(self, held: np.ndarray) -> np.ndarray:
        """``(N, D)`` of 0..1 to ``(N, H, W)`` float64 gray levels, not rounded."""
        flat = (held - self.centre) @ self.weights
        return flat.reshape(-1, *self.picture.shape) + self.picture

    def decode(self, held: np.ndarray) -> np.ndarray:
        """``(N, D)`` of 0..1 to ``(N, H, W)`` uint8 pictures."""
        return as_levels(self.values(held))


def bytes_of(descriptors: np.ndarray) -> np.ndarray:
    """Bring ``(N, 64)`` int8 descriptors to 0..1.

    >>> bytes_of(np.array([[-128, 127]], np.int8)).tolist()
    [[0.0, 1.0]]
    """
    return (descriptors.astype(np.float64) + 128) / 255


def as_levels(values: np.ndarray) -> np.ndarray:
    """Round gray levels into uint8.

    >>> as_levels(np.array([-3.0, 99.6, 300.0])).tolist()
    [0, 100, 255]
    """
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
