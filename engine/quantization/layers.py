"""Layers with int8 weights, and how a network's weight layers are found and replaced."""

import copy
from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.quantization.observers import (
    PERCENTILE,
    Granularity,
    Mode,
    QuantizationError,
    check_choice,
    scale_of,
    thresholds,
    to_int8,
)

Scope = Literal["last", "all"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
WEIGHT_LAYERS = (nn.Linear, nn.Conv2d)


class Int8Weights(nn.Module):
    """A dense or convolutional layer that keeps its weights as int8 and computes in float.

    This is what paper B's Algorithm 2 stores: one byte a weight and the scale. Weights are multiplied back before
    use, so it saves memory and no time.

    Args:
        layer: The layer to take the place of.
        mode: How the threshold is chosen.
        granularity: One threshold, or one per output channel.
        percentile: Percentile of mode ``"percentile"``.

    Shape: that of ``layer``.

    Example:
        >>> layer = Int8Weights(nn.Linear(3, 2), "max", "tensor")
        >>> layer.stored.dtype, layer.scale.shape, layer(torch.zeros(1, 3)).shape
        (torch.int8, torch.Size([1]), torch.Size([1, 2]))
    """

    def __init__(
        self, layer: nn.Linear | nn.Conv2d, mode: Mode, granularity: Granularity, percentile: float = PERCENTILE
    ) -> None:
        super().__init__()
        weight = layer.weight.detach().cpu().float().numpy()
        scale = scale_of(thresholds(weight, mode, granularity, percentile))
        self.stored = nn.Buffer(torch.from_numpy(to_int8(weight, scale)))
        self.scale = nn.Buffer(torch.from_numpy(scale))
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
        self.convolution = (
            {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
            if isinstance(layer, nn.Conv2d)
            else None
        )

    @property
    def weight(self) -> Tensor:
        """The weights as they are used: int8 values times their scale."""
        return self.stored.float() * self.scale.view(-1, *[1] * (self.stored.dim() - 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of ``x``."""
        if self.convolution is None:
            return functional.linear(x, self.weight, self.bias)
        return functional.conv2d(x, self.weight, self.bias, **self.convolution)


class SplitAttention(nn.Module):
    """Self-attention with its projections and its softmax as layers of their own, so that each can be quantized.

    Args:
        attention: The ``nn.MultiheadAttention`` to take the place of.

    Shape: ``(N, tokens, width)`` -> ``(N, tokens, width)`` and None for the weights that nobody asks for.

    Raises:
        QuantizationError: The attention is not plain batch-first self-attention.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
        if weight is None or bias is None or not attention.batch_first or attention.bias_k is not None:
            raise QuantizationError("Only batch-first self-attention with biases can be quantized: use such a network.")
        self.heads = attention.num_heads
        self.project = nn.Linear(weight.shape[1], weight.shape[0])
        self.merge = nn.Linear(weight.shape[1], weight.shape[1])
        self.softmax = nn.Softmax(dim=-1)
        with torch.no_grad():
            for layer, values in ((self.project, (weight, bias)), (self.merge, _parameters(attention.out_proj))):
                layer.weight.copy_(values[0])
                layer.bias.copy_(values[1])

    def forward(self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        """Attend to ``query`` itself; ``key`` and ``value`` are the same tensor in self-attention."""
        count, tokens, width = query.shape
        parts = self.project(query).view(count, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        shares = self.softmax(q @ k.transpose(-2, -1) * (width // self.heads) ** -0.5)
        return self.merge((shares @ v).transpose(1, 2).reshape(count, tokens, width)), None


def float_copy(network: nn.Module) -> nn.Module:
    """Return a copy that may be changed: float32, on the CPU, in evaluation mode."""
    return copy.deepcopy(network).cpu().float().eval().requires_grad_(False)


def _parameters(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    return layer.weight, layer.bias


def split_attention(network: nn.Module) -> None:
    """Replace every ``nn.MultiheadAttention`` of ``network`` by a :class:`SplitAttention`, in place.

    Raises:
        QuantizationError: The network has torch's own transformer layers, which reach into their attention.
    """
    if any(
        isinstance(module, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)) for module in network.modules()
    ):
        raise QuantizationError(
            "torch's own transformer layers cannot be taken apart: use blocks that call nn.MultiheadAttention, as "
            "torchvision's ViT does."
        )
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.MultiheadAttention):
            set_module(network, name, SplitAttention(module))


def weight_layers(network: nn.Module, scope: Scope = "all") -> dict[str, nn.Linear | nn.Conv2d]:
    """Return dense and convolutional layers by name, in the order in which the network defines them.

    Args:
        network: Any network.
        scope: ``"all"``, or ``"last"`` for the last one and those parallel to it: members of the same
            ``nn.ModuleDict``, as the hash heads of MATDH.

    Raises:
        QuantizationError: Unknown scope, or there is no such layer.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(2, 3))
        >>> list(weight_layers(network)), list(weight_layers(network, "last"))
        (['0', '2'], ['2'])
    """
    check_choice("scope", scope, SCOPES)
    found = {name: module for name, module in network.named_modules() if isinstance(module, WEIGHT_LAYERS)}
    if not found:
        raise QuantizationError("This network has no dense or convolutional layer: there is nothing to quantize.")
    if scope == "all":
        return found
    last = list(found)[-1]
    parent = last.rpartition(".")[0]
    if not isinstance(network.get_submodule(parent), nn.ModuleDict):
        return {last: found[last]}
    return {name: layer for name, layer in found.items() if name.rpartition(".")[0] == parent}


def quantize_weights(
    network: nn.Module, names: Iterable[str], mode: Mode, granularity: Granularity, percentile: float = PERCENTILE
) -> None:
    """Replace the named layers of ``network`` by :class:`Int8Weights`, in place."""
    for name in names:
        layer = network.get_submodule(name)
        assert isinstance(layer, WEIGHT_LAYERS)
        set_module(network, name, Int8Weights(layer, mode, granularity, percentile))


def set_module(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put ``module`` where ``network`` has the module of that name."""
    parent, _, own = name.rpartition(".")
    network.get_submodule(parent)._modules[own] = module
