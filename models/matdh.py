"""MATDH: the multi-attention triplet deep hashing network of paper A (Zhang et al. 2025), sections 3.3 and 4.5.

A UNet whose encoder follows ResNet-18's channel plan: two large-kernel convolutions and a max-pool, four
residual modules with enhanced spatial and channel attention (RCESA) at 64/128/256/512 channels with
down-sampling after the first three, an average pool and a dense layer to a 1000-d feature, and one linear hash
head per code length. The decoder exists for the reconstruction loss only and is not part of a shipped file; it adds
its skip connections and up-samples by bilinear interpolation, without Algorithm 1's alternating max-pooling.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.network import CODE_LENGTHS, HashNetwork, PyramidEncoder, convolve

CHANNELS = (64, 128, 256, 512)
FEATURE_SIZE = 1000
ATTENTIONS = ("spatial", "channel")


class EnhancedSpatialAttention(nn.Module):
    """Enhanced spatial attention, paper A section 3.3.1: ``x * sigmoid(fuse(upsample(conv(maxpool(F))) + F))``.

    The text has a 3x3 convolution after the max-pool, Eq. 5 has none; the text is followed.

    ``F`` are multi-scale features of ``x`` from a 1x1 and a 3x3 convolution at a quarter of the channels (the
    paper gives no width; a quarter keeps the attention at a tenth of the module's cost).

    Shape: ``(N, C, H, W)`` -> ``(N, C, H, W)``.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        width = channels // reduction
        self.extract = nn.Sequential(convolve(channels, width, 1), convolve(width, width, 3))
        self.context = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), convolve(width, width, 3))
        self.fuse = nn.Sequential(convolve(width, width, 1), nn.Conv2d(width, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        features = self.extract(x)
        context = functional.interpolate(self.context(features), features.shape[-2:], mode="bilinear")
        return x * torch.sigmoid(self.fuse(context + features))


class ChannelAttention(nn.Module):
    """Channel attention, paper A Eq. 6: one shared MLP on the max- and the average-pooled channels.

    The MLP is Table 1's two 1x1 convolutions with a reduction of 16. The table's third column ends in
    "16/512", which would not fit the 256 channels it multiplies; 16/256 is what the other columns imply.

    Shape: ``(N, C, H, W)`` -> ``(N, C, H, W)``.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        width = channels // reduction
        self.mlp = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU(inplace=True), nn.Conv2d(width, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.mlp(x.amax((2, 3), keepdim=True)) + self.mlp(x.mean((2, 3), keepdim=True))
        return x * torch.sigmoid(pooled)


class RCESA(nn.Module):
    """Residual block with channel and enhanced spatial attention, paper A Fig. 4 and Eq. 5-7.

    Shape: ``(N, C, H, W)`` -> ``(N, C, H, W)``.
    """

    def __init__(self, channels: int, attentions: Sequence[str] = ATTENTIONS) -> None:
        super().__init__()
        self.spatial = EnhancedSpatialAttention(channels) if "spatial" in attentions else nn.Identity()
        self.convolve = nn.Sequential(convolve(channels, channels, 3), convolve(channels, channels, 3, activate=False))
        self.channel = ChannelAttention(channels) if "channel" in attentions else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        attended = self.spatial(x)
        # Eq. 7 takes the spatially attended map, not the block's input, as the shortcut.
        return attended + self.channel(self.convolve(attended))


class Encoder(PyramidEncoder):
    """Stem and four RCESA modules; returns the map of each module, finest first.

    Args:
        attentions: Which attentions the modules have.
        channels: Width of each module; the paper's by default.

    Shape: ``(N, 1, H, W)`` -> ``(N, 64, H/4, W/4), ..., (N, 512, H/32, W/32)``.
    """

    def __init__(self, attentions: Sequence[str] = ATTENTIONS, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.channels = channels
        half = channels[0] // 2
        self.stem = nn.Sequential(convolve(1, half, 7, 2), convolve(half, channels[0], 5), nn.MaxPool2d(3, 2, 1))
        self.modules_ = nn.ModuleList(RCESA(width, attentions) for width in channels)
        self.down = nn.ModuleList(
            convolve(fine, coarse, 3, 2) for fine, coarse in zip(channels, channels[1:], strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.modules_[0](self.stem(x))]
        for down, module in zip(self.down, list(self.modules_)[1:], strict=True):
            maps.append(module(down(maps[-1])))
        return maps


class Decoder(nn.Module):
    """UNet decoder: up-sampling with skip connections back to the picture, for the reconstruction loss.

    Shape: encoder maps -> ``(N, 1, H, W)``.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, widths: Sequence[int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        self.reduce = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(channels, widths, strict=True))
        self.merge = nn.ModuleList(convolve(coarse, fine, 3) for fine, coarse in zip(widths, widths[1:], strict=False))
        self.paint = nn.Sequential(convolve(widths[0], widths[0], 3), nn.Conv2d(widths[0], 1, 3, padding=1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        skips = [reduce(map_) for reduce, map_ in zip(self.reduce, maps, strict=True)]
        x = skips.pop()
        for merge in reversed(self.merge):
            skip = skips.pop()
            x = merge(functional.interpolate(x, skip.shape[-2:], mode="bilinear")) + skip
        return functional.interpolate(self.paint(x), scale_factor=4, mode="bilinear")


class MATDH(HashNetwork):
    """The whole network: encoder, 1000-d feature and one linear hash head per code length.

    Args:
        lengths: Code lengths in bits; each has its own head on the shared feature.
        encoder: Another encoder of the same interface (``models.hashing``, paper A 4.5.1); RCESA modules with both
            attentions by default.

    Shape: ``(N, 1, H, W)`` float, height and width multiples of 32, values about -1..1.

    Example:
        >>> network = MATDH().eval()
        >>> feature, logits = network(torch.zeros(2, 1, 64, 64))
        >>> feature.shape, logits[48].shape
        (torch.Size([2, 1000]), torch.Size([2, 48]))
    """

    def __init__(self, lengths: Sequence[int] = CODE_LENGTHS, encoder: PyramidEncoder | None = None) -> None:
        super().__init__(Encoder() if encoder is None else encoder, FEATURE_SIZE, lengths)
