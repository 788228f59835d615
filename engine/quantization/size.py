"""What a network weighs: by the paper's formula, and as a file."""

from typing import Any

import torch
from torch import Tensor, nn

from engine.quantization.layers import weight_layers

FLOAT_BYTES = 4
INT8_BYTES = 1


def formula_bytes(network: nn.Module, quantized: tuple[str, ...] = (), scales: str = "tensor") -> int:
    """Bytes of all weights by paper B Eq. 6 and those after it: 4 a float weight, 1 an int8 weight, 4 a scale.

    Biases and normalisations are left out, as the paper leaves them out.

    Args:
        network: The float network.
        quantized: Names of layers whose weights are int8.
        scales: ``"tensor"`` for one scale a layer, ``"channel"`` for one per output channel.

    Example:
        >>> network = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 2))
        >>> formula_bytes(network), formula_bytes(network, ("1",)), formula_bytes(network, ("0", "1"), "channel")
        (480, 424, 168)
    """
    total = 0
    for name, layer in weight_layers(network).items():
        if name in quantized:
            count = len(layer.weight) if scales == "channel" else 1
            total += layer.weight.numel() * INT8_BYTES + count * FLOAT_BYTES
        else:
            total += layer.weight.numel() * FLOAT_BYTES
    return total


def papers_network(classes: int = 3) -> dict[str, int]:
    """Bytes of paper B's VGG-16 by its own formula: in float, and with its last layer quantized.

    Args:
        classes: Neurons of the last layer.

    Example:
        >>> papers_network()
        {'float': 537041664, 'last': 537004804}
    """
    from models.vision import import_torchvision

    # Shapes are all that counts: on the meta device no weight is made.
    with torch.device("meta"):
        network = import_torchvision().models.vgg16(num_classes=classes)
    return {
        "float": formula_bytes(network),
        "last": formula_bytes(network, tuple(weight_layers(network, "last"))),
    }


def serialised_bytes(network: nn.Module) -> int:
    """Bytes of the whole network as one safetensors file, int8 weights and their scales included.

    Example:
        >>> serialised_bytes(nn.Linear(1000, 10)) - 4 * 10 * 1001 < 300
        True
    """
    from safetensors.torch import save

    return len(save(_plain_tensors(network)))


def _plain_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Every tensor that a network stores, those inside packed int8 weights taken apart."""
    found: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        for part, tensor in _parts(value).items():
            found[f"{name}{part}"] = tensor.detach().cpu().contiguous().clone()
    return found


def _parts(value: Any) -> dict[str, Tensor]:
    if isinstance(value, (tuple, list)):
        nested = [(f".{n}{part}", t) for n, item in enumerate(value) for part, t in _parts(item).items()]
        return dict(nested)
    if not isinstance(value, Tensor):
        return {}
    if not value.is_quantized:
        return {"": value}
    parts = {".int8": value.int_repr()}
    if value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
        # Symmetric: every zero point is 0 and need not be stored.
        return parts | {".scale": value.q_per_channel_scales().float()}
    return parts | {".scale": torch.tensor(value.q_scale())}
