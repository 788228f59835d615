"""Functions written once that run as NumPy or compiled by numba.

The arithmetic of a cipher (an S-box, a lifting step, one step of a chaotic map) is a handful of integer
operations. Written on plain values it means the same on NumPy arrays, where one call treats many
blocks, and on the scalars of a compiled loop. :class:`Kernel` lets both uses share that one definition.
"""

import functools
import hashlib
import inspect
import secrets
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.encryption.errors import CipherError

Backend = Literal["auto", "compiled", "numpy"]


class Kernel:
    """A function callable as written, and as ``.compiled`` in machine code.

    numba is imported at the first use of ``.compiled``, not before. Kernels called by a kernel are
    compiled with it.

    >>> double = Kernel(lambda x: x + x)
    >>> double(21)
    42
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap ``function``, which uses only what NumPy and numba mean alike."""
        self.plain = function
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the function as written."""
        return self.plain(*arguments)

    @functools.cached_property
    def callees(self) -> dict[str, "Kernel"]:
        """The kernels this one calls, by the global name it knows them by."""
        known = self.plain.__globals__
        return {name: known[name] for name in self.plain.__code__.co_names if isinstance(known.get(name), Kernel)}

    def sources(self) -> set[str]:
        """The files that define this kernel and every kernel under it."""
        return {inspect.getfile(self.plain)}.union(*(callee.sources() for callee in self.callees.values()))

    @functools.cached_property
    def compiled(self) -> Callable[..., Any]:
        """The numba dispatcher, stored on disk between runs where there is a place to write."""
        import numba

        scope = dict(self.plain.__globals__)
        scope.update({name: callee.compiled for name, callee in self.callees.items()})
        function = types.FunctionType(self.plain.__code__, scope, self.plain.__name__)
        function.__module__ = self.plain.__module__
        # numba's disk cache watches only the file of the function itself: naming the entry after the
        # content of every file involved keeps an edited callee from being served stale.
        digest = hashlib.sha256(b"".join(Path(name).read_bytes() for name in sorted(self.sources())))
        function.__qualname__ = f"{self.plain.__qualname__}_{digest.hexdigest()[:12]}"
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no writable cache folder: read-only checkout and no home
            return numba.njit(**options)(function)
        # numba numbers the files of machine code: two processes that compile different types at once write
        # one file, and the index of either may then name the other's code for good.
        files = dispatcher._cache._cache_file
        files._data_name_pattern = f"{secrets.token_hex(8)}.{files._data_name_pattern}"
        return dispatcher


@Kernel
def _probe(value: int) -> int:
    return value + 1


@functools.cache
def can_compile() -> bool:
    """Whether numba is installed, enabled and able to produce machine code here.

    The compiled kernels read bytes as little-endian words, so big-endian machines use NumPy.
    """
    try:
        import numba

        enabled = sys.byteorder == "little" and not getattr(numba.config, "DISABLE_JIT", False)
        return enabled and bool(_probe.compiled(1) == 2)
    except Exception:  # a broken LLVM fails in many ways, and each means the same: use NumPy
        return False


@dataclass
class _Choice:
    """What ``"auto"`` means in this process."""

    numpy: bool = False


_choice = _Choice()


def prefer_numpy(preferred: bool = True) -> None:
    """Let ``"auto"`` mean NumPy in this process, or again the compiler.

    Loading the compiler takes a process about 90 MiB, and up to 60 MiB more the first time on a machine; NumPy does
    with the memory of one picture, and takes about 80 ms a megapixel where machine code takes 8.

    Args:
        preferred: Whether it is.

    Example:
        >>> prefer_numpy()
        >>> use_compiled("auto")
        False
        >>> prefer_numpy(False)
    """
    _choice.numpy = preferred


def use_compiled(backend: Backend) -> bool:
    """Decide how to run.

    Args:
        backend: ``"compiled"``, ``"numpy"``, or ``"auto"``: compiled wherever that is possible and
            :func:`prefer_numpy` was not called.

    Raises:
        CipherError: if the name is unknown, or compilation is demanded and impossible.

    >>> use_compiled("numpy")
    False
    """
    if backend not in ("auto", "compiled", "numpy"):
        raise CipherError(f'Unknown backend {backend!r}: choose "auto", "compiled" or "numpy".')
    if backend == "compiled" and not can_compile():
        raise CipherError('numba cannot compile here: install the pinned numba, or choose backend="numpy".')
    if backend == "auto" and _choice.numpy:
        return False
    return backend != "numpy" and can_compile()
