"""Transformer over patches (Dosovitskiy et al. 2021): torchvision's ``VisionTransformer``, layer for layer.

Written out because importing torchvision costs a server 140 MiB and a second and a half. Names of parameters and the
order of random numbers are torchvision's, so weights fit both ways.
"""

import math
from collections import OrderedDict
from functools import partial

import torch
from torch import Tensor, nn

_norm = partial(nn.LayerNorm, eps=1e-6)


class EncoderBlock(nn.Module):
    """Attention and a two-layer perceptron, each normalised before and added to its input.

    Shape: ``(N, tokens, width)`` -> ``(N, tokens, width)``.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = _norm(width)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = _norm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.dropout(self.self_attention(y, y, y, need_weights=False)[0])
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Position embedding, blocks and a last normalisation.

    Shape: ``(N, tokens, width)`` -> ``(N, tokens, width)``.
    """

    def __init__(self, tokens: int, depth: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        blocks = (EncoderBlock(width, heads, dropout) for _ in range(depth))
        self.layers = nn.Sequential(OrderedDict((f"encoder_layer_{n}", block) for n, block in enumerate(blocks)))
        self.ln = _norm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.ln(self.layers(self.dropout(tokens + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches and a class token through an encoder; a dense head on the class token.

    Args:
        side: Side of the pictures in pixels, a multiple of ``patch``.
        patch: Side of a patch in pixels.
        depth: Encoder blocks.
        width: Width of a token.
        heads: Attention heads.
        dropout: Share of activations dropped in training.
        classes: Number of classes.

    Shape: ``(N, 3, side, side)`` float -> class tokens ``(N, width)``; ``heads`` makes logits of them.

    Example:
        >>> network = VisionTransformer(16, 8, depth=1, width=12, heads=2, dropout=0.1, classes=3)
        >>> network(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 12])
    """

    def __init__(
        self, side: int, patch: int, *, depth: int, width: int, heads: int, dropout: float, classes: int
    ) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder = Encoder((side // patch) ** 2 + 1, depth, width, heads, dropout)
        head = nn.Linear(width, classes)
        self.heads = nn.Sequential(OrderedDict(head=head))
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / self.conv_proj.weight[0].numel()))
        for values in (self.conv_proj.get_parameter("bias"), head.weight, head.bias):
            nn.init.zeros_(values)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.conv_proj(pictures).flatten(2).transpose(1, 2)
        token = self.class_token.expand(pictures.shape[0], -1, -1)
        return self.encoder(torch.cat([token, patches], dim=1))[:, 0]
