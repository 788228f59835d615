"""AlexNet as MATDH's encoder, for paper A's ablation MATDH-AlexNet (section 4.5.1)."""

from torch import nn

from models.network import StagedEncoder, convolve


class AlexNetEncoder(StagedEncoder):
    """AlexNet's five convolutions (Krizhevsky 2014, "one weird trick") with maps at UNet resolutions.

    Paddings are chosen so that every map is an exact fraction of the picture. Batch normalisation, which AlexNet
    lacks, follows each convolution: under the training of all other encoders it would not start without.

    Shape: ``(N, 1, H, W)`` -> ``(N, 64, H/4, W/4), (N, 192, H/8, W/8), (N, 256, H/16, W/16), (N, 256, H/32, W/32)``.
    """

    def __init__(self) -> None:
        stages = (
            convolve(1, 64, 11, stride=4),
            nn.Sequential(_pool(), convolve(64, 192, 5)),
            nn.Sequential(_pool(), convolve(192, 384, 3), convolve(384, 256, 3), convolve(256, 256, 3)),
            _pool(),
        )
        super().__init__((64, 192, 256, 256), nn.Identity(), stages)


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, 1)
