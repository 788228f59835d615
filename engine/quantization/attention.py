"""Int8 networks with attention: every weight layer runs in int8 at fixed scales, what lies between them in float.

Attention, normalisations and sums keep float: what rounding them costs is what the naive mode shows.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.quantization.dense import Grid, Int8Attention, Int8Dense, Int8Patches
from engine.quantization.layers import SplitAttention, quantize_weights, set_module, split_attention
from engine.quantization.observers import PERCENTILE, Mode
from engine.quantization.static import ActivationObserver


def attention_int8(
    network: nn.Module, calibration: Sequence[Tensor], observer: Mode = "max", percentile: float = PERCENTILE
) -> nn.Module:
    """Watch what every weight layer is given on calibration pictures, and put an int8 layer in its place.

    Between a dense layer, GELU and a dense layer, bytes are handed on. A convolution that cuts a picture into patches
    becomes a dense layer; others keep float arithmetic on int8 weights.

    Args:
        network: In evaluation mode; changed in place.
        calibration: Input batches, at least one.
        observer: How thresholds of activations are chosen; weights take their maximum per output channel.
        percentile: Percentile of observer ``"percentile"``.

    Returns:
        The network.
    """
    split_attention(network)
    grids, called = _watch(network, calibration, observer, percentile)
    for name in called:
        _hand_on_bytes(network, name, grids)
    for name, layer in list(network.named_modules()):
        if isinstance(layer, nn.Linear):
            set_module(network, name, Int8Dense(layer, grids[name]))
        elif Int8Patches.fits(layer):
            set_module(network, name, Int8Patches(layer, grids[name]))
        elif isinstance(layer, nn.Conv2d):
            quantize_weights(network, [name], "max", "channel")
    for name, module in list(network.named_modules()):
        if isinstance(module, SplitAttention):
            project, merge = (
                network.get_submodule(f"{name}.{part}".removeprefix(".")) for part in ("project", "merge")
            )
            assert isinstance(project, Int8Dense)
            assert isinstance(merge, Int8Dense)
            set_module(network, name, Int8Attention(module.heads, project, merge))
    return network


def _watch(
    network: nn.Module, calibration: Sequence[Tensor], observer: Mode, percentile: float
) -> tuple[dict[str, Grid], set[str]]:
    """Return the grid of every weight layer's input, and which ``nn.Sequential`` are called, not taken apart."""
    observers: dict[str, ActivationObserver] = {}
    called: set[str] = set()
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            observers[name] = seen = ActivationObserver(observer, percentile)
            hooks.append(module.register_forward_pre_hook(lambda _, given, seen=seen: (seen(given[0]),)))
        elif isinstance(module, nn.Sequential):
            hooks.append(module.register_forward_pre_hook(lambda *_, name=name: called.add(name)))
    with torch.inference_mode():
        for batch in calibration:
            network(batch)
    for hook in hooks:
        hook.remove()
    found = {name: seen.calculate_qparams() for name, seen in observers.items()}
    return {name: (float(scale), int(zero)) for name, (scale, zero) in found.items()}, called


def _hand_on_bytes(network: nn.Module, name: str, grids: dict[str, Grid]) -> None:
    """Let a dense layer before GELU and another dense layer make the bytes that the second one takes, in place."""
    members = [
        (f"{name}.{own}".removeprefix("."), module)
        for own, module in network.get_submodule(name).named_children()
        if not isinstance(module, nn.Dropout)
    ]
    for (dense, first), (between, gelu), (after, second) in zip(members, members[1:], members[2:], strict=False):
        if isinstance(first, nn.Linear) and isinstance(gelu, nn.GELU) and isinstance(second, nn.Linear):
            set_module(network, dense, Int8Dense(first, grids[dense], gelu, grids[after]))
            set_module(network, between, nn.Identity())
