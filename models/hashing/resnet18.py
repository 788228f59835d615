"""A ResNet-18 layout at half width, the encoder of DPN, DBDH and OrthoHash here."""

from torch import nn

from models.hashing.residual import entry, pairs, projection
from models.network import StagedEncoder
from models.vision import import_torchvision

HALF_CHANNELS = (32, 64, 128, 256)


class ResNet18Encoder(StagedEncoder):
    """ResNet-18 (He et al. 2016): torchvision's basic blocks, two a stage, for one input channel, untrained.

    Deviation: DPN (Fan et al., IJCAI 2020) and DBDH (Zheng et al., Neurocomputing 2020) use an AlexNet or ResNet-50
    with ImageNet weights, OrthoHash (Hoe et al., NeurIPS 2021) an AlexNet. All three get the same encoder here, so
    that only their losses differ; its widths are half of ResNet-18's, as all networks of the comparison are narrow.

    Shape: ``(N, 1, H, W)`` -> ``(N, 32, H/4, W/4), ..., (N, 256, H/32, W/32)``.
    """

    def __init__(self) -> None:
        super().__init__(HALF_CHANNELS, entry(HALF_CHANNELS[0]), pairs(HALF_CHANNELS, _block))


def _block(inputs: int, outputs: int, stride: int) -> nn.Module:
    block = import_torchvision().models.resnet.BasicBlock
    return block(inputs, outputs, stride, projection(inputs, outputs, stride))
