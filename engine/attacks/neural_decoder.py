"""The same attack as in ``inversion`` with a small neural network, in case a linear decoder is not clever enough."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.attacks.inversion import as_levels

if TYPE_CHECKING:
    from torch import Tensor, nn

HIDDEN, ROUNDS, LEARNING_RATE, SEED = 256, 400, 1e-3, 0
Examples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class NeuralDecoder:
    """One hidden layer from bits or bytes to pixels.

    Attributes:
        network: ``(N, D)`` of -1..1 to ``(N, H * W)`` gray levels of 0..1, less the mean picture.
        picture: ``(H, W)`` float64, mean picture.
    """

    network: "nn.Module"
    picture: np.ndarray

    @classmethod
    def fit_best(cls, train: Examples, validation: Examples) -> "NeuralDecoder":
        """Train, and keep the state whose pictures came nearest to the validation pictures.

        Args:
            train: what the attacker has, ``(N, D)`` of 0..1, and pictures ``(N, H, W)`` uint8.
            validation: the same of others.
        """
        import torch
        from torch import nn

        picture = train[1].mean(axis=0)
        (inputs, targets), (others, truth) = (_tensors(held, found, picture) for held, found in (train, validation))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            network = nn.Sequential(nn.Linear(inputs.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, targets.shape[1]))
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
        best, least = copy.deepcopy(network), float("inf")
        for _ in range(ROUNDS):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(inputs), targets).backward()
            optimizer.step()
            with torch.no_grad():
                error = float(nn.functional.mse_loss(network(others), truth))
            if error < least:
                best, least = copy.deepcopy(network), error
        return cls(best, picture)

    def decode(self, held: np.ndarray) -> np.ndarray:
        """``(N, D)`` of 0..1 to ``(N, H, W)`` uint8 pictures."""
        import torch

        with torch.no_grad():
            flat = self.network(_inputs(held)).numpy()
        return as_levels(flat.reshape(-1, *self.picture.shape) * 255 + self.picture)


def _tensors(held: np.ndarray, pictures: np.ndarray, mean: np.ndarray) -> tuple["Tensor", "Tensor"]:
    import torch

    return _inputs(held), torch.from_numpy(((pictures - mean) / 255).reshape(len(pictures), -1).astype(np.float32))


def _inputs(held: np.ndarray) -> "Tensor":
    """0..1 to float32 of -1..1."""
    import torch

    return torch.from_numpy(held.astype(np.float32) * 2 - 1)
