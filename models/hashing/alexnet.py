"""AlexNet as MATDH's encoder, for paper A's ablation MATDH-AlexNet (section 4.5.1)."""

from torch import Tensor, nn

from models.network import PyramidEncoder


class AlexNetEncoder(PyramidEncoder):
    """AlexNet's five convolutions (Krizhevsky 2014, "one weird trick") with maps at UNet resolutions.

    Paddings are chosen so that every map is an exact fraction of the picture. Batch normalisation, which AlexNet
    lacks, follows each convolution: under the training of all other encoders it would not start without.

    Shape: ``(N, 1, H, W)`` -> ``(N, 64, H/4, W/4), (N, 192, H/8, W/8), (N, 256, H/16, W/16), (N, 256, H/32, W/32)``.
    """

    channels = (64, 192, 256, 256)

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [
                _convolve(1, 64, 11, stride=4),
                nn.Sequential(_pool(), _convolve(64, 192, 5)),
                nn.Sequential(_pool(), _convolve(192, 384, 3), _convolve(384, 256, 3), _convolve(256, 256, 3)),
                _pool(),
            ]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, 1)


def _convolve(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
