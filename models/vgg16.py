"""VGG-16 (Simonyan and Zisserman 2015): torchvision's network, with the ImageNet convolutional base as a start."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (123.68, 116.779, 103.939)
CHANNELS = 512
STEM = 24  # layers up to the fourth pooling


class ImageNetBase(nn.Module):
    """The convolutional base with ImageNet weights, up to the last activation before the fifth pooling.

    Args:
        weights: Path of ``vgg16_imagenet_features.safetensors`` (torchvision names, fp16).

    Shape: ``(N, 1, H, W)`` gray float, values 0..255 -> ``(N, 512, H/16, W/16)``.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        features = convolutional_base()
        load_imagenet_base(features, weights)
        self.layers = features[:-1]
        self.mean = nn.Buffer(torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))

    def forward(self, gray: Tensor) -> Tensor:
        return self.layers(gray - self.mean)


class VGG16(nn.Module):
    """Paper B's classifier and feature extractor: torchvision's VGG-16 for pictures of any size from 32 pixels.

    Args:
        classes: Number of classes.
        width: Neurons of each of the two hidden dense layers; 4096 is the paper's. The second one's activations
            are the features that retrieval compares.
        cells: Side of the grid that the last map is pooled to; 7 is torchvision's. 64 pixels leave a 2x2 map, which
            a 7x7 grid would only repeat.
        dropout: Share of dense activations dropped in training.

    Shape: ``(N, 3, H, W)`` float RGB, values 0..255 -> features ``(N, width)``, logits ``(N, classes)``.

    Example:
        >>> features, logits = VGG16(classes=3, width=16, cells=2)(torch.zeros(2, 3, 64, 64))
        >>> features.shape, logits.shape
        (torch.Size([2, 16]), torch.Size([2, 3]))
    """

    def __init__(self, classes: int = 3, width: int = 4096, cells: int = 7, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = convolutional_base()
        self.avgpool = nn.AdaptiveAvgPool2d(cells)
        self.classifier = nn.Sequential(
            nn.Linear(CHANNELS * cells**2, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(width, classes),
        )
        self.mean = nn.Buffer(torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)

    def load_imagenet(self, weights: Path) -> None:
        """Start the convolutions from ImageNet's, read from a file with torchvision's names."""
        load_imagenet_base(self.features, weights)

    def stem(self, pictures: Tensor) -> Tensor:
        """Return the ``(N, 512, H/16, W/16)`` maps after the fourth pooling: what can be frozen, and so cached."""
        return _through(list(self.features)[:STEM], pictures - self.mean)

    def finish(self, maps: Tensor) -> Tensor:
        """Return the features of what :meth:`stem` gave: the second dense layer, after its ReLU."""
        pooled = self.avgpool(_through(list(self.features)[STEM:], maps))
        return _through(list(self.classifier)[:-1], pooled.flatten(1))

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits ``(N, classes)`` of features."""
        return self.classifier[-1](features)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.finish(self.stem(pictures))
        return features, self.classify(features)


def convolutional_base() -> nn.Sequential:
    """Return configuration D, layer for layer as torchvision has it, untrained.

    Written out because importing torchvision costs a server 140 MiB, most of it a compiler of torch's.
    """
    layers: list[nn.Module] = []
    channels = 3
    for depth, width in zip((2, 2, 3, 3, 3), (64, 128, 256, 512, CHANNELS), strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def _through(layers: Iterable[nn.Module], values: Tensor) -> Tensor:
    """Apply layers one by one: a slice is a module that the network does not own, which tracing refuses."""
    for layer in layers:
        values = layer(values)
    return values


def load_imagenet_base(base: nn.Sequential, weights: Path) -> None:
    """Give the convolutional base ImageNet's weights.

    Args:
        base: From :func:`convolutional_base`.
        weights: Path of a file with ``features.*`` (torchvision names) and nothing else.

    Raises:
        RuntimeError: The file's names or shapes are others.
    """
    from safetensors.torch import load_file

    base.load_state_dict({name.removeprefix("features."): value.float() for name, value in load_file(weights).items()})
