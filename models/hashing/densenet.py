"""A small DenseNet, the encoder of X-MIR."""

from torch import Tensor, nn

from models.network import MapEncoder
from models.vision import import_torchvision


class DenseNetEncoder(MapEncoder):
    """torchvision's DenseNet (Huang et al., CVPR 2017), growth 16, four blocks of four, one input channel, untrained.

    Deviation: X-MIR (Hu et al., WACV 2022) has a DenseNet-121 with ImageNet weights.

    Shape: ``(N, 1, H, W)`` -> ``(N, 124, H/32, W/32)``.
    """

    channels = (124,)

    def __init__(self) -> None:
        super().__init__()
        whole = import_torchvision().models.DenseNet(16, (4, 4, 4, 4), 32, num_classes=1)
        whole.features.conv0 = nn.Conv2d(1, 32, 7, 2, 3, bias=False)
        self.features = whole.features

    def forward(self, x: Tensor) -> list[Tensor]:
        return [nn.functional.relu(self.features(x))]
