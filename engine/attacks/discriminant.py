"""Linear discriminant analysis in a few lines of NumPy: the attacker needs no network.

One Gaussian for each class with a covariance they share, shrunk towards the unit matrix (Friedman 1989), on features
scaled to unit variance. The most probable class wins.
"""

from dataclasses import dataclass

import numpy as np

SHRINKAGES = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True)
class Discriminant:
    """A trained classifier.

    Attributes:
        centre: ``(D,)`` mean of the features.
        scale: ``(D,)`` their deviations; 1 where a feature never varies.
        weights: ``(D, C)``.
        offsets: ``(C,)``.
    """

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, labels: np.ndarray, shrinkage: float) -> "Discriminant":
        """Learn from examples.

        Args:
            features: ``(N, D)`` float64.
            labels: ``(N,)`` int64, classes 0 to C - 1, each present.
            shrinkage: added to the diagonal of the covariance, above 0.
        """
        centre, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        points = (features - centre) / scale
        means = np.stack([points[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
        within = points - means[labels]
        covariance = within.T @ within / len(points) + shrinkage * np.eye(points.shape[1])
        weights = np.linalg.solve(covariance, means.T)
        return cls(centre, scale, weights, -0.5 * (means * weights.T).sum(axis=1))

    @classmethod
    def fit_best(
        cls, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]
    ) -> "Discriminant":
        """Fit with the shrinkage that does best on validation pictures, the strongest of equals.

        Args:
            train: features ``(N, D)`` and labels ``(N,)``.
            validation: features ``(M, D)`` and labels ``(M,)``.
        """
        fitted = [cls.fit(*train, shrinkage) for shrinkage in reversed(SHRINKAGES)]
        return max(fitted, key=lambda model: np.mean(model.predict(validation[0]) == validation[1]))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Class probabilities: ``(N, D)`` to ``(N, C)``."""
        logits = (features - self.centre) / self.scale @ self.weights + self.offsets
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Most probable class: ``(N, D)`` to ``(N,)`` int64."""
        return self.scores(features).argmax(axis=1)
