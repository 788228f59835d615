"""ASH's encoder (attention-based saliency hashing, Fang et al., BIBM 2020)."""

import torch
from torch import Tensor, nn

from models.hashing.ath import ResidualBlock
from models.network import MapEncoder


class ASHEncoder(MapEncoder):
    """Five residual blocks of stride 2, each under ASH's attention.

    Deviation: the reference gives the attention and the loss, not the widths; these are small.

    Shape: ``(N, 1, H, W)`` -> ``(N, 192, H/32, W/32)``.
    """

    channels = (192,)

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 64, 128, self.channels[0])
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(ResidualBlock(fine, coarse, stride=2), SaliencyAttention())
                for fine, coarse in zip(widths, widths[1:], strict=False)
            )
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.blocks(x)]


class SaliencyAttention(nn.Module):
    """``x * sigmoid(mean over channels * maximum over channels)``; no weights of its own.

    Shape: ``(N, C, H, W)`` -> ``(N, C, H, W)``.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x.mean(1, keepdim=True) * x.amax(1, keepdim=True))
