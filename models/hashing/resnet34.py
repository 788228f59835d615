"""ResNet-34 as MATDH's encoder, for paper A's ablation MATDH-ResNet34 (section 4.5.1)."""

from models.hashing.residual import entry
from models.network import StagedEncoder
from models.vision import import_torchvision


class ResNet34Encoder(StagedEncoder):
    """torchvision's ResNet-34 (He et al. 2016) for one input channel, without its classifier, untrained.

    Shape: ``(N, 1, H, W)`` -> ``(N, 64, H/4, W/4), ..., (N, 512, H/32, W/32)``.
    """

    def __init__(self) -> None:
        whole = import_torchvision().models.resnet34(weights=None)
        super().__init__((64, 128, 256, 512), entry(64), (whole.layer1, whole.layer2, whole.layer3, whole.layer4))
