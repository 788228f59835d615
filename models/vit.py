"""Vision Transformer (Dosovitskiy et al. 2021) at a size that two cores train in minutes."""

from torch import Tensor, nn

from models.transformer import VisionTransformer

LEVEL_MEAN, LEVEL_SCALE = 127.5, 64.0


class ViT(nn.Module):
    """Paper B's transformer, small: classifier and feature extractor.

    Args:
        classes: Number of classes.
        side: Side of the pictures in pixels.
        patch: Side of a patch in pixels.
        width: Width of a token.
        depth: Transformer layers.
        heads: Attention heads.
        dropout: Share of activations dropped in training.

    Shape: ``(N, 3, side, side)`` float RGB, values 0..255 -> features ``(N, width)``, logits ``(N, classes)``.

    Example:
        >>> import torch
        >>> features, logits = ViT(depth=1)(torch.zeros(2, 3, 64, 64))
        >>> features.shape, logits.shape
        (torch.Size([2, 192]), torch.Size([2, 3]))
    """

    def __init__(
        self,
        classes: int = 3,
        side: int = 64,
        patch: int = 8,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.network = VisionTransformer(
            side, patch, depth=depth, width=width, heads=heads, dropout=dropout, classes=classes
        )
        # torchvision starts the last layer at zero, which makes the first step blind to the features.
        nn.init.trunc_normal_(self.network.get_parameter("heads.head.weight"), std=0.02)

    def stem(self, pictures: Tensor) -> Tensor:
        """Return what can be frozen: nothing but the pictures, since every layer is trained here."""
        return pictures

    def finish(self, pictures: Tensor) -> Tensor:
        """Return the features of what :meth:`stem` gave: the class token after the last layer."""
        return self.network((pictures - LEVEL_MEAN) / LEVEL_SCALE)

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits ``(N, classes)`` of features."""
        return self.network.heads(features)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = self.finish(self.stem(pictures))
        return features, self.classify(features)
