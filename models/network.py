"""What every hashing network is: an encoder, a feature, one linear hash head per code length."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

CODE_LENGTHS = (16, 24, 32, 48, 64)


class MapEncoder(nn.Module):
    """A convolutional or windowed network from a picture to feature maps, finest first; the last one is hashed.

    Attributes:
        channels: Width of each map.
    """

    channels: tuple[int, ...]


class PyramidEncoder(MapEncoder):
    """What MATDH asks of an encoder: four maps, finest first, at a quarter to a thirty-second of the picture's side.

    Shape: ``(N, 1, H, W)`` -> ``(N, channels[0], H/4, W/4), ..., (N, channels[3], H/32, W/32)``.
    """


class StagedEncoder(PyramidEncoder):
    """A pyramid of stages one after the other.

    Args:
        channels: Width of each stage's map.
        stages: Four, the first of which makes the finest map.
        stem: What comes before them.

    Shape: as :class:`PyramidEncoder`.
    """

    def __init__(self, channels: tuple[int, ...], stem: nn.Module, stages: Iterable[nn.Module]) -> None:
        super().__init__()
        self.channels = channels
        self.stem = stem
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        x, maps = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def convolve(inputs: int, outputs: int, kernel: int, stride: int = 1, activate: bool = True) -> nn.Sequential:
    """Convolution, batch normalisation and (unless ``activate`` is false) ReLU; keeps height and width at stride 1."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    if activate:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class HashNetwork(nn.Module):
    """Encoder, average pool, feature, and a linear hash head per code length, all trained together.

    Args:
        encoder: From the picture to maps.
        feature_size: Width of a dense layer between pool and heads; 0 for none.
        lengths: Code lengths in bits; empty for a network that is ranked by its feature.

    Attributes:
        feature_size: Width of the feature.

    Shape: ``(N, 1, H, W)`` float, height and width multiples of 32, values about -1..1.
    """

    def __init__(self, encoder: MapEncoder, feature_size: int = 0, lengths: Sequence[int] = CODE_LENGTHS) -> None:
        super().__init__()
        pooled = encoder.channels[-1]
        self.feature_size = feature_size or pooled
        self.encoder = encoder
        self.feature = nn.Linear(pooled, feature_size) if feature_size else nn.Identity()
        self.heads = nn.ModuleDict({str(bits): nn.Linear(self.feature_size, bits) for bits in lengths})

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the feature ``f`` and the raw hash-layer output of every length; a bit is its sign (Eq. 4)."""
        return self.hash(self.encoder(x)[-1])

    def hash(self, coarsest: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return feature and hash-layer outputs for the encoder's coarsest map ``(N, C, h, w)``."""
        feature = self.feature(coarsest.mean((2, 3)))
        return feature, {int(bits): head(feature) for bits, head in self.heads.items()}


class EmbeddingNetwork(HashNetwork):
    """No bits: a feature of length 1, ranked by distance.

    Args:
        encoder: From the picture to maps.
        feature_size: Width of the embedding.

    Shape: as :class:`HashNetwork`; no heads.
    """

    def __init__(self, encoder: MapEncoder, feature_size: int) -> None:
        super().__init__(encoder, feature_size, lengths=())

    def hash(self, coarsest: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the embedding, each row of length 1, and no outputs."""
        return nn.functional.normalize(super().hash(coarsest)[0]), {}
