"""A small Swin transformer, the encoder of the SWTH-style method."""

from torch import Tensor, nn

from models.network import MapEncoder
from models.vision import import_torchvision

WIDTH = 24


class SwinEncoder(MapEncoder):
    """torchvision's Swin (Liu et al., ICCV 2021): four stages of two blocks, one input channel, untrained.

    Deviation: SWTH (Applied Intelligence 2023) has a Swin backbone with ImageNet weights; two cores allow a quarter
    of Swin-T's width and windows of 6 x 6 patches, which fit 96 pixels.

    Shape: ``(N, 1, H, W)`` -> ``(N, 192, H/32, W/32)``.
    """

    channels = (8 * WIDTH,)

    def __init__(self) -> None:
        super().__init__()
        whole = import_torchvision().models.SwinTransformer(
            [4, 4], WIDTH, [2, 2, 2, 2], [1, 2, 4, 8], [6, 6], stochastic_depth_prob=0.0, num_classes=1
        )
        whole.features[0][0] = nn.Conv2d(1, WIDTH, 4, 4)
        self.features, self.norm = whole.features, whole.norm

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.norm(self.features(x)).permute(0, 3, 1, 2)]
