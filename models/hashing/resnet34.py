"""ResNet-34 as MATDH's encoder, for paper A's ablation MATDH-ResNet34 (section 4.5.1)."""

from torch import Tensor, nn

from models.network import PyramidEncoder
from models.vision import import_torchvision


class ResNet34Encoder(PyramidEncoder):
    """torchvision's ResNet-34 (He et al. 2016) for one input channel, without its classifier, untrained.

    Shape: ``(N, 1, H, W)`` -> ``(N, 64, H/4, W/4), ..., (N, 512, H/32, W/32)``.
    """

    channels = (64, 128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        whole = import_torchvision().models.resnet34(weights=None)
        self.stem = nn.Sequential(nn.Conv2d(1, 64, 7, 2, 3, bias=False), whole.bn1, whole.relu, whole.maxpool)
        self.stages = nn.ModuleList([whole.layer1, whole.layer2, whole.layer3, whole.layer4])

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.stages[0](self.stem(x))]
        for stage in list(self.stages)[1:]:
            maps.append(stage(maps[-1]))
        return maps
