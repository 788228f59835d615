"""TCDH's encoder (triplet channel-attention deep hashing, Neural Networks 2024): MATDH's without spatial attention."""

from torch import Tensor, nn

from models.hashing.residual import entry, pairs, projection, two_convolutions
from models.hashing.resnet18 import HALF_CHANNELS
from models.matdh import ChannelAttention
from models.network import StagedEncoder


class TCDHEncoder(StagedEncoder):
    """ResNet-18's layout [2, 2, 2, 2] of channel-attention blocks; a UNet decoder hangs on it in training.

    Deviation: half of the method's widths, as all networks of the comparison are narrow.

    Shape: ``(N, 1, H, W)`` -> ``(N, 32, H/4, W/4), ..., (N, 256, H/32, W/32)``.
    """

    def __init__(self) -> None:
        super().__init__(HALF_CHANNELS, entry(HALF_CHANNELS[0]), pairs(HALF_CHANNELS, ChannelBlock))


class ChannelBlock(nn.Module):
    """conv3x3-BN-ReLU-conv3x3-BN, channel attention, shortcut; no ReLU after the sum.

    Shape: ``(N, inputs, H, W)`` -> ``(N, outputs, H/stride, W/stride)``.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.convolve = two_convolutions(inputs, outputs, stride)
        self.attention = ChannelAttention(outputs)
        self.shortcut: nn.Module = projection(inputs, outputs, stride) or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(self.convolve(x)) + self.shortcut(x)
