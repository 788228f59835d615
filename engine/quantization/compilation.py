"""Networks without Python between their layers."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from engine.quantization.observers import QuantizationError

PROGRAMS = 8
# What gives a network's tensors, and how they are nested in what it returns.
_Program = tuple[Callable[[Tensor], tuple[Tensor, ...]], Any]
_TENSOR = None  # stands for a tensor in what a network returns


class Compiled(nn.Module):
    """A network that runs as a traced and frozen program: quicker, most of all for one picture.

    Every shape of input has a program of its own, made when it first comes; the last few are kept. What the network
    stores are its own tensors; a program shares them and is never stored.

    Args:
        network: In evaluation mode. Its forward takes one tensor, returns tensors in tuples, lists and dictionaries,
            and does not depend on the values it computes.

    Attributes:
        network: The network.

    Example:
        >>> compiled = Compiled(nn.Sequential(nn.Linear(4, 8), nn.ReLU()))
        >>> compiled(torch.zeros(5, 4)).shape, list(compiled.state_dict())
        (torch.Size([5, 8]), ['network.0.weight', 'network.0.bias'])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        # A dictionary keeps programs out of the tree of modules, whose tensors would be counted twice.
        self._programs: dict[tuple[int, ...], _Program] = {}
        self.eval()

    def forward(self, x: Tensor) -> Any:
        """Return what the network makes of ``x``."""
        shape = tuple(x.shape)
        program, nest = self._programs.get(shape) or self._made(shape, x)
        return _nested(nest, iter(program(x)))

    def _made(self, shape: tuple[int, ...], x: Tensor) -> _Program:
        made = _program(self.network, x)
        # Another thread may be dropping the same one.
        for old in list(self._programs)[: 1 - PROGRAMS or None]:
            self._programs.pop(old, None)
        self._programs[shape] = made
        return made


class _Flat(nn.Module):
    """A network that returns a tuple of tensors, which is what a program can return, and notes how they were nested."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.nests: list[Any] = []

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        tensors: list[Tensor] = []
        self.nests.append(_taken_apart(self.network(x), tensors))
        return tuple(tensors)


def _program(network: nn.Module, example: Tensor) -> _Program:
    flat = _Flat(network).eval()
    with warnings.catch_warnings(), torch.no_grad():
        # torch announces another compiler, which needs a C++ compiler where it runs.
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.trace(flat, example, check_trace=False)), flat.nests[0]


def _taken_apart(value: Any, tensors: list[Tensor]) -> Any:
    """Move the tensors of nested tuples, lists and dictionaries to ``tensors``; return the nest without them."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return _TENSOR
    if isinstance(value, dict):
        return {key: _taken_apart(part, tensors) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)([_taken_apart(part, tensors) for part in value])
    raise QuantizationError("A network to compile must return tensors, in tuples, lists or dictionaries.")


def _nested(nest: Any, tensors: Iterator[Tensor]) -> Any:
    if nest is _TENSOR:
        return next(tensors)
    if isinstance(nest, dict):
        return {key: _nested(part, tensors) for key, part in nest.items()}
    return type(nest)([_nested(part, tensors) for part in nest])
