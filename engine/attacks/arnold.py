"""The Arnold map alone: every key tried, because there are so few.

Neighbouring pixels of an X-ray are alike. For each key, look where a few pairs of neighbours went; only under the right
key are they alike again. No picture is unscrambled until one key is left.
"""

import numpy as np

from engine.attacks.outcome import Adversary
from engine.encryption.arnold import ArnoldParameters, unscramble

ADVERSARY = Adversary(knows="One scrambled picture, and that it shows something rather than noise.")
ITERATIONS = (2, 3, 4, 5)  # all that a key can ask for
PAIRS, FINAL_PAIRS, FINALISTS = 16, 1024, 256


def break_arnold(scrambled: np.ndarray) -> tuple[np.ndarray, ArnoldParameters]:
    """Find the key by trying all of them.

    Args:
        scrambled: ``(H, W)`` integers.

    Returns:
        The picture, and parameters that undo the map on pictures of this size.
    """
    rng = np.random.default_rng(0)
    few, many = (_neighbours(rng, scrambled.shape, count) for count in (PAIRS, FINAL_PAIRS))
    height, width = scrambled.shape
    all_c = np.arange(width)
    roughness = np.stack([_roughness(scrambled, np.full(width, b), all_c, few) for b in range(height)])
    finalists = np.argsort(roughness, axis=None)[:FINALISTS]
    b, c, turn = np.unravel_index(finalists, roughness.shape)
    final = _roughness(scrambled, b, c, many)[np.arange(FINALISTS), turn]
    best = final.argmin()
    parameters = ArnoldParameters(int(b[best]), int(c[best]), ITERATIONS[turn[best]])
    return unscramble(scrambled, parameters), parameters


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
