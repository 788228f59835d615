"""The same attack as in ``inversion`` with a small neural network, in case a linear decoder is not clever enough."""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.attacks.inversion import as_levels
from engine.hashing.codes import unpack_bits

if TYPE_CHECKING:
    from torch import Tensor, nn

HIDDEN, ROUNDS, LEARNING_RATE, SEED = 256, 400, 1e-3, 0
Examples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class NeuralDecoder:
    """One hidden layer from bits to pixels.

    Attributes:
        network: ``(N, B)`` bits to ``(N, H * W)`` gray levels of 0..1, less the mean picture.
        picture: ``(H, W)`` float64, mean picture.
    """

    network: "nn.Module"
    picture: np.ndarray

    @classmethod
    def fit_best(cls, train: Examples, validation: Examples) -> "NeuralDecoder":
        """Train, and keep the state whose pictures came nearest to the validation pictures.

        Args:
            train: codes ``(N, bits // 8)`` uint8 and pictures ``(N, H, W)`` uint8.
            validation: codes and pictures.
        """
        import torch
        from torch import nn

        picture = train[1].mean(axis=0)
        (inputs, targets), (others, truth) = (_tensors(codes, found, picture) for codes, found in (train, validation))
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

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """``(N, bits // 8)`` uint8 codes to ``(N, H, W)`` uint8 pictures."""
        import torch

        with torch.no_grad():
            flat = self.network(_bits(codes)).numpy()
        return as_levels(flat.reshape(-1, *self.picture.shape) * 255 + self.picture)


def _tensors(codes: np.ndarray, pictures: np.ndarray, mean: np.ndarray) -> tuple["Tensor", "Tensor"]:
    import torch

    return _bits(codes), torch.from_numpy(((pictures - mean) / 255).reshape(len(pictures), -1).astype(np.float32))


def _bits(codes: np.ndarray) -> "Tensor":
    """``(N, bits // 8)`` uint8 to ``(N, B)`` float32, -1 or 1."""
    import torch

    return torch.from_numpy(unpack_bits(codes).astype(np.float32) * 2 - 1)
