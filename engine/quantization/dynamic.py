"""Int8 kernels without calibration: the scale of a dense layer's input is found as the input comes."""

import warnings

from torch import nn

from engine.quantization.kernels import int8_engine
from engine.quantization.layers import quantize_weights, split_attention, weight_layers


def dynamic_int8(network: nn.Module) -> nn.Module:
    """Run every dense layer in int8, and keep convolutions' weights as int8 with float arithmetic.

    Layer normalisation, softmax and GELU stay in float: what quantizing them costs is what the naive mode shows.

    Args:
        network: Changed in place where it has attention or convolutions.

    Returns:
        The network with int8 layers, weights per output channel.
    """
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    int8_engine()
    split_attention(network)
    convolutions = [name for name, layer in weight_layers(network).items() if isinstance(layer, nn.Conv2d)]
    quantize_weights(network, convolutions, "max", "channel")
    with warnings.catch_warnings():
        # torch announces another package for later versions; the pinned one has these kernels.
        warnings.simplefilter("ignore")
        return quantize_dynamic(network, {nn.Linear: per_channel_dynamic_qconfig}, inplace=True)
