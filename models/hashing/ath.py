"""ATH's encoder (attention-based triplet hashing, Fang et al., Medical Image Analysis 2021): three residual blocks."""

import torch
from torch import Tensor, nn

from models.hashing.residual import two_convolutions
from models.network import MapEncoder

CELLS = 16


class ATHEncoder(MapEncoder):
    """Residual blocks 1 -> 16 (stride 2) with spatial attention, 16 -> 8, 8 -> 1, then a dense layer to 1024.

    Deviations: one gray input channel; the last map is averaged to 16 x 16 cells before the dense layer, so that the
    weights do not depend on the picture's side.

    Shape: ``(N, 1, H, W)`` -> ``(N, 1024, 1, 1)``.
    """

    channels = (1024,)

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.attention = ResidualBlock(1, 16, stride=2), SpatialAttention()
        self.narrow = nn.Sequential(ResidualBlock(16, 8), ResidualBlock(8, 1))
        self.dense = nn.Sequential(nn.AdaptiveAvgPool2d(CELLS), nn.Flatten(), nn.Linear(CELLS**2, self.channels[0]))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.narrow(self.attention(self.wide(x)))
        return [self.dense(x)[:, :, None, None]]


class SpatialAttention(nn.Module):
    """``x * sigmoid(conv7x7([mean, max] over channels))``.

    Shape: ``(N, C, H, W)`` -> ``(N, C, H, W)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.weigh(seen))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a projected shortcut.

    Shape: ``(N, inputs, H, W)`` -> ``(N, outputs, H/stride, W/stride)``.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.convolve = two_convolutions(inputs, outputs, stride)
        # Averaging takes the stride: torch's 1x1 convolution of one channel with stride 2 corrupts memory on CPUs.
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(stride), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.convolve(x) + self.shortcut(x))
