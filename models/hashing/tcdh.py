"""TCDH's encoder (triplet channel-attention deep hashing, Neural Networks 2024): MATDH's without spatial attention."""

from torch import Tensor, nn

from models.hashing.resnet18 import HALF_CHANNELS
from models.matdh import ChannelAttention
from models.network import PyramidEncoder


class TCDHEncoder(PyramidEncoder):
    """ResNet-18's layout [2, 2, 2, 2] of channel-attention blocks; a UNet decoder hangs on it in training.

    Deviation: half of the method's widths, as all networks of the comparison are narrow.

    Shape: ``(N, 1, H, W)`` -> ``(N, 32, H/4, W/4), ..., (N, 256, H/32, W/32)``.
    """

    channels = HALF_CHANNELS

    def __init__(self) -> None:
        super().__init__()
        first = self.channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, 7, 2, 3, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        inputs = (first, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(ChannelBlock(fine, coarse, 1 if number == 0 else 2), ChannelBlock(coarse, coarse))
            for number, (fine, coarse) in enumerate(zip(inputs, self.channels, strict=False))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.stages[0](self.stem(x))]
        for stage in list(self.stages)[1:]:
            maps.append(stage(maps[-1]))
        return maps


class ChannelBlock(nn.Module):
    """conv3x3-BN-ReLU-conv3x3-BN, channel attention, shortcut; no ReLU after the sum.

    Shape: ``(N, inputs, H, W)`` -> ``(N, outputs, H/stride, W/stride)``.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.attention = ChannelAttention(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.convolve(x)) + self.shortcut(x)
