"""What the residual encoders have in common."""

from collections.abc import Callable, Iterator

from torch import nn


def entry(outputs: int) -> nn.Sequential:
    """ResNet's first layers: ``(N, 1, H, W)`` -> ``(N, outputs, H/4, W/4)``."""
    return nn.Sequential(
        nn.Conv2d(1, outputs, 7, 2, 3, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    )


def pairs(channels: tuple[int, ...], block: Callable[[int, int, int], nn.Module]) -> Iterator[nn.Sequential]:
    """Two blocks a stage, the layout of ResNet-18; each stage but the first halves the picture.

    Args:
        channels: Width of each stage.
        block: Makes a block of inputs, outputs and stride.
    """
    inputs = channels[0]
    for outputs in channels:
        stride = 1 if inputs == outputs else 2
        yield nn.Sequential(block(inputs, outputs, stride), block(outputs, outputs, 1))
        inputs = outputs


def two_convolutions(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU, and again without ReLU; the first one takes the stride."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


def projection(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """The shortcut of a block that changes width or side: 1x1 convolution and batch normalisation; else none."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
