"""Int8 from end to end: every activation gets a fixed scale from calibration pictures."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.ao.quantization import ObserverBase

from engine.quantization.kernels import int8_engine
from engine.quantization.observers import BINS, PERCENTILE, Mode, QuantizationError, kl_bins, percentile_bins

# The x86 kernels add pairs of products in 16 bits on processors without VNNI: 7 bits of activation never overflow.
ACTIVATION_MAX = 127


def static_int8(
    network: nn.Module, calibration: Sequence[Tensor], observer: Mode = "max", percentile: float = PERCENTILE
) -> nn.Module:
    """Trace a network, watch its activations on calibration pictures, and convert it to int8 kernels.

    Args:
        network: In evaluation mode; its forward must not depend on the values it computes.
        calibration: Input batches, at least one.
        observer: How thresholds of activations are chosen; weights take their maximum per output channel.
        percentile: Percentile of observer ``"percentile"``.

    Returns:
        A graph module with the same inputs and outputs.

    Raises:
        QuantizationError: The network cannot be traced.
    """
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    engine = int8_engine()
    with warnings.catch_warnings():
        # torch announces another package for later versions; the pinned one has these kernels.
        warnings.simplefilter("ignore")
        traced = _trace(network)
        prepared = prepare_fx(traced, _configuration(traced, engine, observer, percentile), (calibration[0],))
        with torch.inference_mode():
            for batch in calibration:
                prepared(batch)
        return convert_fx(prepared)


class _Tracer(fx.Tracer):
    """Traces through containers made on the fly, such as a slice of an ``nn.Sequential``."""

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except NameError:
            return forward(*args, **kwargs)


def _trace(network: nn.Module) -> fx.GraphModule:
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
    except Exception as error:  # whatever the network's own forward raises on a symbolic input
        raise QuantizationError(
            f"The network cannot be traced for int8 ({error}): leave the calibration pictures out to scale as it runs."
        ) from error
    _part_shared_layers(traced)
    return traced


def _part_shared_layers(traced: fx.GraphModule) -> None:
    """Give every call of a layer a layer of its own: an int8 layer has one output scale, which two inputs cannot share.

    MATDH's channel attention calls one small network on the maxima and on the means of its channels.
    """
    seen: set[str] = set()
    for node in traced.graph.nodes:
        if node.op == "call_module":
            if node.target in seen:
                layer = copy.deepcopy(traced.get_submodule(node.target))
                node.target = f"{node.target}_{node.name}"
                traced.add_submodule(node.target, layer)
            seen.add(node.target)
    traced.recompile()


def _configuration(traced: fx.GraphModule, engine: str, observer: Mode, percentile: float) -> Any:
    """Int8 everywhere, except in what is done to a picture before the first weights: pixels keep their precision."""
    from torch.ao.quantization import PerChannelMinMaxObserver, QConfig, get_default_qconfig_mapping

    weights = PerChannelMinMaxObserver.with_args(
        dtype=torch.qint8, qscheme=torch.per_channel_symmetric, quant_min=-127, quant_max=127
    )
    activations = ActivationObserver.with_args(observer=observer, percentile=percentile)
    mapping = get_default_qconfig_mapping(engine).set_global(QConfig(activation=activations, weight=weights))
    for target in _before_weights(traced):
        mapping.set_object_type(target, None)
    return mapping


def _before_weights(traced: fx.GraphModule) -> set[Any]:
    """Functions that only work on what no layer has touched yet."""
    touched: set[fx.Node] = set()
    before, after = set(), set()
    for node in traced.graph.nodes:
        if node.op == "call_module" or any(source in touched for source in node.all_input_nodes):
            touched.add(node)
            after.add(node.target)
        elif node.op == "call_function":
            before.add(node.target)
    return before - after


class ActivationObserver(ObserverBase):
    """Collects a histogram of ``|x|`` over batches and turns it into a scale for unsigned activations.

    The histogram's range doubles when a batch exceeds it, and pairs of its bins are merged, so that no count is
    ever redistributed.

    Args:
        observer: ``"max"``, ``"percentile"`` or ``"kl"``.
        percentile: Percentile of mode ``"percentile"``.
        **options: What torch gives every observer, such as its dtype.
    """

    def __init__(self, observer: Mode = "max", percentile: float = PERCENTILE, **options: Any) -> None:
        super().__init__(dtype=torch.quint8)
        self.observer, self.percentile = observer, percentile
        self.quant_min, self.quant_max = 0, ACTIVATION_MAX
        self.qscheme = torch.per_tensor_affine
        self.counts = np.zeros(BINS, np.int64)
        self.limit, self.peak, self.signed = 0.0, 0.0, False

    def forward(self, x: Tensor) -> Tensor:
        """Count a batch and hand it on."""
        sizes = x.detach().abs().float().ravel()
        peak = float(sizes.max()) if len(sizes) else 0.0
        self.peak = max(self.peak, peak)
        self.signed = self.signed or bool((x < 0).any())
        if self.observer != "max" and peak > 0:
            self._widen(peak)
            self.counts += torch.histc(sizes, BINS, 0.0, self.limit).numpy().astype(np.int64)
        return x

    def _widen(self, peak: float) -> None:
        self.limit = self.limit or peak
        while self.limit < peak:
            self.limit *= 2
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.concatenate([merged, np.zeros_like(merged)])

    @property
    def threshold(self) -> float:
        """The ``|x|`` that is clipped to."""
        if self.observer == "max" or not self.counts.any():
            return self.peak
        bins = kl_bins(self.counts) if self.observer == "kl" else percentile_bins(self.counts, self.percentile)
        return min(self.limit * bins / BINS, self.peak)

    def calculate_qparams(self, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Return scale and zero point: 0 in the middle where values are signed, at the bottom where they are not."""
        levels = ACTIVATION_MAX // 2 if self.signed else ACTIVATION_MAX
        scale = self.threshold / levels or 1.0
        return torch.tensor([scale]), torch.tensor([levels + 1 if self.signed else 0])
