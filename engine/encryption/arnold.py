"""Arnold's cat map on any picture: two shears, repeated (paper A Eq. 10).

One iteration moves the pixel in row x and column y to

    x' = x + b y   (mod H),        y' = y + c x'   (mod W),

which for H = W is the matrix [[1, b], [c, bc + 1]] of the paper, and for every other shape is still a
permutation, because each shear is undone by subtracting what it added. The map hides no value and has
few keys (at most about 2^26.6 distinct maps on 512 x 512): it scatters, it does not protect.
"""

from dataclasses import dataclass

import numpy as np

from engine.encryption.compilation import Backend, Kernel, use_compiled


@dataclass(frozen=True)
class ArnoldParameters:
    """The parameters of paper A Eq. 10.

    Attributes:
        b: first shear, a positive integer.
        c: second shear, a positive integer.
        iterations: how often the map is applied (m in the paper).
    """

    b: int
    c: int
    iterations: int

    @classmethod
    def from_key(cls, key: bytes) -> "ArnoldParameters":
        """Read the parameters from 9 key bytes: b and c in 1..2^32, m in 2..5."""
        b, c = int.from_bytes(key[0:4], "big") + 1, int.from_bytes(key[4:8], "big") + 1
        return cls(b=b, c=c, iterations=2 + key[8] % 4)


def scramble(planes: np.ndarray, parameters: ArnoldParameters, backend: Backend = "auto") -> np.ndarray:
    """Apply the cat map (paper A Eq. 10, ``parameters.iterations`` times).

    Args:
        planes: ``(..., H, W)``, any integer dtype; every plane is moved alike.
        parameters: b, c and m.
        backend: how to run; the result is the same.

    Returns:
        The moved pixels, same shape and dtype.

    >>> scramble(np.arange(6).reshape(2, 3), ArnoldParameters(b=1, c=1, iterations=1))
    array([[0, 4, 2],
           [5, 3, 1]])
    """
    return _iterate(planes, parameters, undo=False, backend=backend)


def unscramble(planes: np.ndarray, parameters: ArnoldParameters, backend: Backend = "auto") -> np.ndarray:
    """Undo :func:`scramble` exactly.

    >>> picture = np.arange(35).reshape(5, 7)
    >>> key = ArnoldParameters(b=3, c=2, iterations=4)
    >>> bool((unscramble(scramble(picture, key), key) == picture).all())
    True
    """
    return _iterate(planes, parameters, undo=True, backend=backend)


def _iterate(planes: np.ndarray, parameters: ArnoldParameters, undo: bool, backend: Backend) -> np.ndarray:
    height, width = planes.shape[-2:]
    b, c = parameters.b % height, parameters.c % width
    step = _compiled_step if use_compiled(backend) else _numpy_step
    # Read-only and unaligned arrays would each be compiled for anew.
    source = np.require(planes, requirements=["C", "A", "W"]).reshape(-1, height, width)
    buffers = [np.empty_like(source) for _ in range(min(2, parameters.iterations))]
    for number in range(parameters.iterations):
        target = buffers[number % 2]
        for before, after in zip(source, target, strict=True):
            step(before, after, b, c, undo)
        source = target
    return source.reshape(planes.shape)


def _compiled_step(source: np.ndarray, target: np.ndarray, b: int, c: int, undo: bool) -> None:
    move = _move_back.compiled if undo else _move.compiled
    move(source.reshape(-1), target.reshape(-1), *source.shape, b, c)


def _numpy_step(source: np.ndarray, target: np.ndarray, b: int, c: int, undo: bool, rows: int = 256) -> None:
    height, width = source.shape
    for top in range(0, height, rows):  # strips bound the memory of the index arrays
        moved_x, moved_y = np.ogrid[top : min(top + rows, height), :width]
        y = (moved_y - c * moved_x) % width
        x = (moved_x - b * y) % height
        if undo:
            target[x, y] = source[moved_x, moved_y]
        else:
            target[moved_x, moved_y] = source[x, y]


# The compiled form takes column strips of 128 pixels through a compact copy, because the rows of a wide
# picture lie so far apart that they evict each other from the cache. Indices are unsigned so that the
# compiler need not provide for negative ones. ``position[j]`` is where, in the copy, the pixel stands that
# goes to the current row in column j of the strip.

_STRIP = 128


@Kernel
def _move(plain, sheared, height, width, b, c):  # type: ignore[no-untyped-def]
    """One iteration on flat pictures."""
    copy, position = np.empty(height * _STRIP, plain.dtype), np.empty(_STRIP, np.uint32)
    for left in range(0, width, _STRIP):
        columns = min(_STRIP, width - left)
        for row in range(height):
            _copy(plain, row * width + left, copy, row * _STRIP, columns)
        _start(position, left, height, b)
        start = left
        for row in range(height):
            first = min(columns, width - start)
            _gather(copy, position, sheared, row * width + start, 0, first)
            _gather(copy, position, sheared, (row - 1) * width + start, first, columns)
            _next_row(position, height)
            start = start + c if start + c < width else start + c - width


@Kernel
def _move_back(sheared, plain, height, width, b, c):  # type: ignore[no-untyped-def]
    """Undo :func:`_move`."""
    copy, position = np.empty(height * _STRIP, plain.dtype), np.empty(_STRIP, np.uint32)
    for left in range(0, width, _STRIP):
        columns = min(_STRIP, width - left)
        _start(position, left, height, b)
        start = left
        for row in range(height):
            first = min(columns, width - start)
            _scatter(sheared, row * width + start, copy, position, 0, first)
            _scatter(sheared, (row - 1) * width + start, copy, position, first, columns)
            _next_row(position, height)
            start = start + c if start + c < width else start + c - width
        for row in range(height):
            _copy(copy, row * _STRIP, plain, row * width + left, columns)


@Kernel
def _copy(source, source_start, target, target_start, count):  # type: ignore[no-untyped-def]
    for j in range(count):
        target[np.uint64(target_start + j)] = source[np.uint64(source_start + j)]


@Kernel
def _gather(copy, position, target, target_start, first, last):  # type: ignore[no-untyped-def]
    for j in range(first, last):
        target[np.uint64(target_start + j)] = copy[position[np.uint64(j)]]


@Kernel
def _scatter(source, source_start, copy, position, first, last):  # type: ignore[no-untyped-def]
    for j in range(first, last):
        copy[position[np.uint64(j)]] = source[np.uint64(source_start + j)]


@Kernel
def _start(position, left, height, b):  # type: ignore[no-untyped-def]
    for j in range(_STRIP):
        position[j] = (-b * (left + j)) % height * _STRIP + j


@Kernel
def _next_row(position, height):  # type: ignore[no-untyped-def]
    step, last = np.uint32(_STRIP), np.uint32((height - 1) * _STRIP)
    for j in range(_STRIP):
        position[j] = position[j] + step if position[j] < last else position[j] - last
