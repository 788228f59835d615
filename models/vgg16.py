"""VGG-16 (Simonyan and Zisserman 2015): torchvision's network, with the ImageNet convolutional base as a start."""

from pathlib import Path

import torch
from torch import Tensor, nn

from models.vision import import_torchvision

IMAGENET_MEAN = (123.68, 116.779, 103.939)


class ImageNetBase(nn.Module):
    """The convolutional base with ImageNet weights, up to the last activation before the fifth pooling.

    Args:
        weights: Path of ``vgg16_imagenet_features.safetensors`` (torchvision names, fp16).

    Shape: ``(N, 1, H, W)`` gray float, values 0..255 -> ``(N, 512, H/16, W/16)``.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from safetensors.torch import load_file

        state = {name: value.float() for name, value in load_file(weights).items()}
        features = import_torchvision().models.vgg16().features
        features.load_state_dict({name.removeprefix("features."): value for name, value in state.items()})
        self.layers = features[:-1]
        self.mean = nn.Buffer(torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))

    def forward(self, gray: Tensor) -> Tensor:
        return self.layers(gray - self.mean)
