"""The one place that imports torchvision.

The package index's torchvision for Linux x86-64 is built for CUDA. Beside a CPU-only torch its import fails
with ``operator torchvision::nms does not exist``, because its compiled operators cannot be loaded. Declaring
the two operators that torchvision registers fake kernels for makes the import work; nothing here calls them.
Where the compiled operators do load (CUDA or macOS builds) they must not be declared a second time.
"""

import importlib
import sys
from types import ModuleType

import torch


def import_torchvision() -> ModuleType:
    """Return ``torchvision``, imported in a way that works beside a CPU-only torch.

    Returns:
        The ``torchvision`` module.

    Raises:
        ImportError: torchvision is not installed.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_operators()
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    # The declaration lives as long as the Library object does.
    _libraries.append(library)


_libraries: list[torch.library.Library] = []
