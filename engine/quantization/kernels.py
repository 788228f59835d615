"""Which int8 kernels this machine has."""

import torch

from engine.quantization.observers import QuantizationError

PREFERRED = ("x86", "onednn", "fbgemm", "qnnpack")


def int8_engine() -> str:
    """Choose torch's int8 engine, ``x86`` where there is one, and return its name.

    Raises:
        QuantizationError: This build of torch has no int8 kernels.
    """
    supported = torch.backends.quantized.supported_engines
    chosen = next((name for name in PREFERRED if name in supported), None)
    if chosen is None:
        raise QuantizationError("This build of torch has no int8 kernels: install the CPU build that README names.")
    torch.backends.quantized.engine = chosen
    return chosen
