"""Post-training quantization: thresholds, int8 layers, and what they cost and save.

:func:`quantize` needs torch, which is loaded when it is first asked for; thresholds need NumPy only.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.quantization.observers import QuantizationError, from_int8, scale_of, thresholds, to_int8

if TYPE_CHECKING:
    from engine.quantization.modes import quantize

__all__ = ["QuantizationError", "from_int8", "quantize", "scale_of", "thresholds", "to_int8"]


def __getattr__(name: str) -> Any:
    if name == "quantize":
        return import_module("engine.quantization.modes").quantize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
