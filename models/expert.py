"""The ImageNet VGG-16 as a reader of chest X-rays: what MATDH is taught by where there is a GPU."""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.vgg16 import CHANNELS, ImageNetBase

# A view has mean 0 and deviation 1; the base wants gray levels.
MIDDLE, SPREAD = 118.0, 55.0


class Expert(nn.Module):
    """VGG-16's convolutional base and a linear classifier on the mean and the maximum of its last channels.

    Args:
        weights: Path of the base's ImageNet weights.
        classes: Number of classes.
        dropout: Share of the pooled channels dropped in training.

    Shape: ``(N, 1, H, W)`` float views, mean 0 and deviation 1 -> maps ``(N, 512, H/16, W/16)``, pooled channels
    ``(N, 1024)``, logits ``(N, classes)``.
    """

    def __init__(self, weights: Path, classes: int = 3, dropout: float = 0.3) -> None:
        super().__init__()
        self.base = ImageNetBase(weights)
        self.normalise = nn.LayerNorm(2 * CHANNELS)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * CHANNELS, classes)

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.base(views * SPREAD + MIDDLE)
        pooled = self.normalise(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1).float())
        return maps, pooled, self.classify(self.dropout(pooled))
