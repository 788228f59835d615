"""Networks as small files: weights in int8 with a scale for each output channel, the rest in float16."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.quantization.observers import from_int8, scale_of, thresholds, to_int8

if TYPE_CHECKING:
    from torch import Tensor

SCALE = ".scale"


def save_network(state: "dict[str, Tensor]", path: Path) -> None:
    """Write a network's weights.

    Args:
        state: ``state_dict()`` of float tensors and counters.
        path: ``*.safetensors``.
    """
    from safetensors.numpy import save_file

    stored: dict[str, np.ndarray] = {}
    for name, tensor in state.items():
        values = tensor.detach().cpu().numpy()
        if values.ndim >= 2 and values.dtype == np.float32:
            scale = scale_of(thresholds(values, "max", "channel"))
            stored[name], stored[name + SCALE] = to_int8(values, scale), scale
        else:
            stored[name] = values.astype(np.float16) if values.dtype == np.float32 else values
    save_file(stored, path)


def load_network(path: Path) -> "dict[str, Tensor]":
    """Read what :func:`save_network` wrote, as float32."""
    import torch
    from safetensors.numpy import load_file

    stored = load_file(path)
    state = {}
    for name, values in stored.items():
        if name.endswith(SCALE):
            continue
        whole = from_int8(values, stored[name + SCALE]) if name + SCALE in stored else values
        state[name] = torch.from_numpy(whole.astype(np.float32) if whole.dtype == np.float16 else whole)
    return state
