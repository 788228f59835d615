"""Which int8 kernels this machine has."""

import functools

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


def has_int8_dense() -> bool:
    """Whether torch has both of the dense layers that :class:`engine.quantization.dense.Int8Dense` runs on."""
    return int8_engine() == "x86" and torch.backends.mkldnn.is_available()


@functools.cache
def has_instructions(name: str) -> bool:
    """Whether the processor has an instruction set, such as ``"avx512_vnni"`` or ``"avx512_bf16"``."""
    return bool(torch.cpu.get_capabilities().get(name, False))
