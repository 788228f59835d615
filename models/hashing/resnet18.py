"""A ResNet-18 layout at half width, the encoder of DPN, DBDH and OrthoHash here."""

from torch import Tensor, nn

from models.network import PyramidEncoder
from models.vision import import_torchvision

HALF_CHANNELS = (32, 64, 128, 256)


class ResNet18Encoder(PyramidEncoder):
    """ResNet-18 (He et al. 2016): torchvision's basic blocks, two a stage, for one input channel, untrained.

    Deviation: DPN (Fan et al., IJCAI 2020) and DBDH (Zheng et al., Neurocomputing 2020) use an AlexNet or ResNet-50
    with ImageNet weights, OrthoHash (Hoe et al., NeurIPS 2021) an AlexNet. All three get the same encoder here, so
    that only their losses differ; its widths are half of ResNet-18's, as all networks of the comparison are narrow.

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
            _stage(fine, coarse, 1 if number == 0 else 2)
            for number, (fine, coarse) in enumerate(zip(inputs, self.channels, strict=False))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.stages[0](self.stem(x))]
        for stage in list(self.stages)[1:]:
            maps.append(stage(maps[-1]))
        return maps


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    block = import_torchvision().models.resnet.BasicBlock
    shortcut = None
    if stride > 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(block(inputs, outputs, stride, shortcut), block(outputs, outputs))
