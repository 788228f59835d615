"""The two-dimensional logistic map (paper A Eq. 12) in 32-bit fixed point, and what it does to coefficients.

    x' = r1 x (1 - x) + d (1 - r1) y,      y' = r2 y (1 - y) + d (1 - r2) x      (mod 1)

Floating-point logistic maps give different sequences for equal formulas and fall into short cycles. Here the
state is two unsigned 32-bit fractions, every product is truncated the same way on every machine, and each
8x8 block starts a new orbit of 32 steps from a keyed 64-bit seed, so no orbit is long enough to cycle.
The map scatters the coefficients; secrecy rests on PRESENT, not on chaos.
"""

from dataclasses import dataclass

import numpy as np

from engine.encryption.compilation import Kernel

STEPS = 32  # two words a step: one for each of the 64 coefficients
_ONE = np.uint64(1 << 32)
_MASK = np.uint64(0xFFFF_FFFF)
_WORD = np.uint64(32)
_RATE = np.uint64(30)


@dataclass(frozen=True)
class LogisticParameters:
    """Control parameters of paper A Eq. 12 in fixed point.

    Attributes:
        r1: growth of x times 2^30, in [3.75, 4).
        r2: growth of y times 2^30, in [3.75, 4).
        d1: coupling d (r1 - 1) times 2^32, with d in [1/16, 1/8).
        d2: coupling d (r2 - 1) times 2^32.
    """

    r1: int
    r2: int
    d1: int
    d2: int

    @classmethod
    def from_key(cls, key: bytes) -> "LogisticParameters":
        """Read the parameters from 12 key bytes."""
        k1, k2, k3 = (int.from_bytes(key[i : i + 4], "big") % (1 << 28) for i in (0, 4, 8))
        r1, r2, coupling = (15 << 28) + k1, (15 << 28) + k2, (1 << 28) + k3
        return cls(r1, r2, coupling * (r1 - (1 << 30)) >> 30, coupling * (r2 - (1 << 30)) >> 30)

    def as_array(self) -> np.ndarray:
        """``(4,)`` uint64, for the kernels."""
        return np.array([self.r1, self.r2, self.d1, self.d2], np.uint64)


@Kernel
def step(x, y, r1, r2, d1, d2):  # type: ignore[no-untyped-def]
    """One step on uint64 values below 2^32, arrays or scalars."""
    growth_x = (r1 * ((x * (_ONE - x)) >> _WORD)) >> _RATE
    growth_y = (r2 * ((y * (_ONE - y)) >> _WORD)) >> _RATE
    return (growth_x - ((d1 * y) >> _WORD)) & _MASK, (growth_y - ((d2 * x) >> _WORD)) & _MASK


def sequence(seeds: np.ndarray, parameters: LogisticParameters) -> np.ndarray:
    """Iterate the map from keyed seeds.

    Args:
        seeds: ``(N,)`` uint64, x in the upper and y in the lower half.
        parameters: the control parameters.

    Returns:
        ``(64, N)`` uint64 words below 2^32: x1, y1, x2, y2, ... of each orbit.

    >>> key = LogisticParameters.from_key(bytes(range(12)))
    >>> [f"{word:08x}" for word in sequence(np.array([0x0123456789ABCDEF], np.uint64), key)[:2, 0]]
    ['e0b390a8', 'f2537d26']
    """
    x, y = seeds >> _WORD, seeds & _MASK
    words = np.empty((2 * STEPS, len(seeds)), np.uint64)
    for n in range(STEPS):
        x, y = step(x, y, *parameters.as_array())
        words[2 * n], words[2 * n + 1] = x, y
    return words


@Kernel
def choose(word, bound):  # type: ignore[no-untyped-def]
    """Read a partner in 0..bound - 1 from bits 8..23 of a word, and a sign from its lowest bit."""
    partner = (((word >> np.uint64(8)) & np.uint64(0xFFFF)) * bound) >> np.uint64(16)
    return np.int64(partner), np.int32(1) - np.int32(2) * np.int32(word & np.uint64(1))


def encrypt_coefficients(coefficients: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Shuffle the 64 coefficients of every block and flip signs (paper A step 4).

    Word i chooses the swap of coefficient i with one of 0..i (bits 8..23; Fisher-Yates from the end) and,
    by its lowest bit, the sign of what lands in place i.

    Args:
        coefficients: ``(64, N)`` int32.
        words: ``(64, N)`` uint64 from :func:`sequence`.

    Returns:
        ``(64, N)`` int32: the same absolute values in other places.
    """
    shuffled, partners, signs = coefficients.copy(), *_choices(words)
    block = np.arange(coefficients.shape[1])
    for i in range(63, 0, -1):
        chosen = shuffled[partners[i], block]
        shuffled[partners[i], block] = shuffled[i]
        shuffled[i] = chosen
    return shuffled * signs


def decrypt_coefficients(coefficients: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Undo :func:`encrypt_coefficients`."""
    partners, signs = _choices(words)
    restored = coefficients * signs
    block = np.arange(coefficients.shape[1])
    for i in range(1, 64):
        chosen = restored[partners[i], block]
        restored[partners[i], block] = restored[i]
        restored[i] = chosen
    return restored


def _choices(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return choose(words, np.arange(1, 65, dtype=np.uint64)[:, None])
