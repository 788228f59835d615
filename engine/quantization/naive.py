"""Paper B's full mode as a careless reader builds it, to see what makes it collapse.

The paper says "quantize all layers of M" and nothing of activations, biases or calibration. What is assumed here:
every tensor of the network - weights, biases, the parameters of normalisations - becomes int8 by its maximum, one
scale a tensor; every layer's output, normalisations and softmax included, is rounded to int8 with a scale of 1, which
is what torch's static quantization uses where its calibration step is left out. ``rescale=False`` follows Algorithm 2
to the letter instead: ``W / W_max`` takes the place of ``W`` and is never multiplied back.
"""

import torch
from torch import Tensor, nn

from engine.quantization.layers import split_attention
from engine.quantization.observers import LEVELS, from_int8, scale_of, thresholds, to_int8

UNCALIBRATED_SCALE = 1.0


def naive_full(network: nn.Module, *, activations: bool = True, rescale: bool = True) -> nn.Module:
    """Round everything to int8 without calibration, computing in float on the rounded values.

    Args:
        network: Changed in place.
        activations: Whether inputs and outputs of layers are rounded, with scale 1.
        rescale: Whether rounded parameters are multiplied back to their size.

    Returns:
        ``network``.

    Example:
        >>> network = naive_full(nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()))
        >>> bool(((network(torch.rand(5, 2)) % 1) == 0).all())
        True
    """
    split_attention(network)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point() and tensor.numel():
            tensor.data.copy_(_rounded(tensor.data, rescale))
    if activations:
        for module in network.modules():
            if not list(module.children()):
                module.register_forward_hook(lambda module, inputs, output: _uncalibrated(output))
        network.register_forward_pre_hook(lambda module, inputs: tuple(map(_uncalibrated, inputs)))
    return network


def _rounded(values: Tensor, rescale: bool) -> Tensor:
    array = values.cpu().float().numpy()
    scale = scale_of(thresholds(array, "max"))
    return torch.from_numpy(from_int8(to_int8(array, scale), scale if rescale else 1 / LEVELS))


def _uncalibrated(values: Tensor) -> Tensor:
    return (values / UNCALIBRATED_SCALE).round().clamp(-LEVELS, LEVELS) * UNCALIBRATED_SCALE
