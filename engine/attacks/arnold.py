"""The Arnold map alone: every key tried, because there are so few.

Neighbouring pixels of an X-ray are alike. For each key, look where a few pairs of neighbours went; only under the right
key are they alike again. No picture is unscrambled until one key is left.
"""

import numpy as np

from engine.attacks.outcome import Adversary
from engine.encryption.arnold import ArnoldParameters, unscramble

ADVERSARY = Adversary(knows="One scrambled picture, and that it shows something rather than noise.")
ITERATIONS = (2, 3, 4, 5)  # all that a key can ask for
PAIRS, CLOSER_PAIRS = 16, 1024
FINALISTS, UNSCRAMBLED = 256, 8


def find_parameters(scrambled: np.ndarray) -> ArnoldParameters:
    """Find the key by trying all of them.

    Args:
        scrambled: ``(H, W)`` integers.

    Returns:
        Parameters that undo the map on pictures of this size.
    """
    rng = np.random.default_rng(0)
    few, many = (_neighbours(rng, scrambled.shape, count) for count in (PAIRS, CLOSER_PAIRS))
    height, width = scrambled.shape
    all_c = np.arange(width)
    roughness = np.stack([_roughness(scrambled, np.full(width, b), all_c, few) for b in range(height)])
    finalists = np.argsort(roughness, axis=None)[:FINALISTS]
    b, c, turn = np.unravel_index(finalists, roughness.shape)
    closer = _roughness(scrambled, b, c, many)[np.arange(len(b)), turn]
    # Equal maps under other keys are equally rough: one of each. Some turn the picture upside down, which only its
    # first row and column give away.
    distinct = np.unique(closer, return_index=True)[1][:UNSCRAMBLED]
    best = [ArnoldParameters(int(b[n]), int(c[n]), ITERATIONS[turn[n]]) for n in distinct]
    return min(best, key=lambda parameters: picture_roughness(unscramble(scrambled, parameters)))


def break_arnold(scrambled: np.ndarray) -> np.ndarray:
    """Return the picture that :func:`find_parameters` leads to, ``(H, W)``."""
    return unscramble(scrambled, find_parameters(scrambled))


def picture_roughness(picture: np.ndarray) -> float:
    """Mean difference of neighbouring pixels: small for what people look at, large for noise.

    >>> picture_roughness(np.array([[0, 2], [2, 4]], np.uint8))
    2.0
    """
    levels = picture.astype(np.int32)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean()) / 2


def _neighbours(rng: np.random.Generator, shape: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, ``(2, count)`` each, of pixels and of their neighbours to the right or below."""
    x, y = rng.integers(shape[0] - 1, size=count), rng.integers(shape[1] - 1, size=count)
    below = np.arange(count) % 2
    return np.stack([x, x + below]), np.stack([y, y + 1 - below])


def _roughness(scrambled: np.ndarray, b: np.ndarray, c: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Mean difference of neighbours under keys ``(n,)`` b and c: ``(n, 4)``, one for each number of iterations."""
    height, width = scrambled.shape
    x, y = (np.broadcast_to(where, (len(b), *where.shape)) for where in pairs)
    levels, columns = scrambled.astype(np.int32), []
    for iteration in range(1, ITERATIONS[-1] + 1):
        x = (x + b[:, None, None] * y) % height
        y = (y + c[:, None, None] * x) % width
        if iteration in ITERATIONS:
            found = levels[x, y]
            columns.append(np.abs(found[:, 0] - found[:, 1]).mean(axis=1))
    return np.stack(columns, axis=1)
