"""The one entry: a network goes in, its int8 copy comes out."""

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from engine.quantization.attention import attention_int8
from engine.quantization.compilation import Compiled
from engine.quantization.dynamic import dynamic_int8
from engine.quantization.kernels import has_int8_dense
from engine.quantization.layers import SCOPES, Scope, float_copy, quantize_weights, split_attention, weight_layers
from engine.quantization.naive import naive_full
from engine.quantization.observers import (
    GRANULARITIES,
    MODES,
    PERCENTILE,
    Granularity,
    Mode,
    QuantizationError,
    check_choice,
    check_percentile,
)
from engine.quantization.static import static_int8

AnyMode = Literal["max", "percentile", "kl", "full", "full-naive"]
ALL_MODES: tuple[AnyMode, ...] = get_args(AnyMode)


def quantize(
    model: nn.Module,
    mode: AnyMode = "max",
    calibration: Tensor | Iterable[Tensor] | None = None,
    *,
    scope: Scope = "last",
    granularity: Granularity = "tensor",
    percentile: float = PERCENTILE,
    observer: Mode = "max",
) -> nn.Module:
    """Return an int8 copy of a network (paper B Algorithm 2 and section IV-F).

    Args:
        model: A trained network of dense and convolutional layers; it is left as it is.
        mode: ``"max"``, ``"percentile"`` and ``"kl"`` store the weights of the chosen layers as int8, clipped at that
            threshold, and compute in float, as the paper does. ``"full"`` runs int8 kernels: weights per output
            channel by maximum, activations per tensor. ``"full-naive"`` is the paper's full mode as a careless
            reader builds it; see :func:`engine.quantization.naive.naive_full`.
        calibration: Input batches for ``"full"``, of training pictures only. With them every activation that meets
            int8 weights gets a fixed scale, and the copy is compiled (``engine.quantization.compilation.Compiled``).
            Without them activations of dense layers are scaled as they come, and convolutions keep float arithmetic
            on int8 weights; so it is for networks with attention where torch has no oneDNN kernels.
        scope: For the first three modes: ``"last"`` layer, as the paper, or ``"all"`` weight layers.
        granularity: For the first three modes: one scale per ``"tensor"``, or per output ``"channel"``.
        percentile: Percentile of mode or observer ``"percentile"``, above 0 and at most 100.
        observer: How ``"full"`` chooses the thresholds of activations.

    Returns:
        The copy, in evaluation mode, on the CPU.

    Raises:
        QuantizationError: An unknown choice, a network without weight layers, one that cannot be traced, weights
            that are not finite, or calibration pictures that the network cannot take.

    Example:
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> [type(layer).__name__ for layer in quantize(network, "kl")]
        ['Linear', 'ReLU', 'Int8Weights']
    """
    check_choice("mode", mode, ALL_MODES)
    check_choice("scope", scope, SCOPES)
    check_choice("granularity", granularity, GRANULARITIES)
    check_choice("observer", observer, MODES)
    check_percentile(percentile)
    if not isinstance(model, nn.Module):
        raise QuantizationError(f"A network to quantize is an nn.Module, not {type(model).__name__}.")
    network = float_copy(model)
    if not all(torch.isfinite(layer.weight).all() for layer in weight_layers(network).values()):
        raise QuantizationError("The network has weights that are not finite: load it again.")
    if mode == "full-naive":
        return naive_full(network)
    if mode == "full":
        return _full(network, _batches(calibration), observer, percentile)
    if scope == "all":
        split_attention(network)
    names = list(weight_layers(network, scope))
    quantize_weights(network, names, mode, granularity, percentile)
    return network


def _full(network: nn.Module, calibration: list[Tensor], observer: Mode, percentile: float) -> nn.Module:
    attends = any(isinstance(module, nn.MultiheadAttention) for module in network.modules())
    if not calibration or (attends and not has_int8_dense()):
        return dynamic_int8(network)
    fixed = attention_int8 if attends else static_int8
    try:
        return Compiled(fixed(network, calibration, observer, percentile))
    except RuntimeError as error:  # what torch raises where shapes do not fit, or where it has no int8 kernel
        raise QuantizationError(
            f"The network cannot run in int8 on these calibration pictures ({str(error).partition(chr(10))[0]}): "
            "give pictures that it takes, or none to scale as it runs."
        ) from error


def _batches(calibration: Tensor | Iterable[Tensor] | None) -> list[Tensor]:
    if calibration is None:
        return []
    if isinstance(calibration, Tensor):
        calibration = [calibration]
    batches = list(calibration) if isinstance(calibration, Iterable) else [calibration]
    if not all(isinstance(batch, Tensor) and torch.isfinite(batch).all() for batch in batches):
        raise QuantizationError("Calibration needs tensors of finite network inputs: give training pictures.")
    return batches
