"""DCT and logistic map alone: known pictures give the shuffle and the signs away.

The chaotic map moves the 64 coefficients of a block and flips signs, but changes no absolute value. So a known
picture, transformed, shows which coefficient went where.
"""

from dataclasses import dataclass

import numpy as np

from engine.attacks.outcome import Adversary
from engine.encryption import dct

ADVERSARY = Adversary(knows="A few pictures and what the two layers make of them under one key.")
MIDDLE = 128


@dataclass(frozen=True)
class Choices:
    """What the chaotic map chose, as far as it could be seen.

    Attributes:
        origin: ``(64, N)`` int64, which coefficient of each block was moved to each place.
        signs: ``(64, N)`` int32, 1 or -1.
    """

    origin: np.ndarray
    signs: np.ndarray

    def undo(self, mixed: np.ndarray) -> np.ndarray:
        """Open another picture mixed under the same key.

        Args:
            mixed: ``(H, W)`` int32, sides multiples of 8.

        Returns:
            ``(H, W)`` uint8.
        """
        coefficients = _transform(mixed)
        restored = np.empty_like(coefficients)
        np.put_along_axis(restored, self.origin, coefficients * self.signs, axis=0)
        pixels = dct.from_blocks(dct.inverse(restored.reshape(8, 8, -1)) + MIDDLE, *mixed.shape)
        return np.clip(pixels, 0, 255).astype(np.uint8)


def recover_choices(plain: np.ndarray, mixed: np.ndarray) -> Choices:
    """Read shuffle and signs off known pictures.

    Args:
        plain: ``(K, H, W)`` uint8, sides multiples of 8.
        mixed: ``(K, H, W)`` int32, what ``engine.encryption.blocks.mix_values`` makes of them under one key.
    """
    before, after = (np.stack([_transform(picture) for picture in stack]) for stack in (plain, mixed))
    origin = np.empty(before.shape[1:], np.int64)
    places = (np.lexsort(np.abs(stack)[::-1], axis=0) for stack in (before, after))
    source, target = places
    np.put_along_axis(origin, target, source, axis=0)
    moved = np.take_along_axis(before, origin[None], axis=1)
    agreement = (moved.astype(np.int64) * after).sum(axis=0)
    return Choices(origin, np.where(agreement < 0, -1, 1).astype(np.int32))


def _transform(picture: np.ndarray) -> np.ndarray:
    """``(H, W)`` to the coefficients of its blocks, ``(64, N)`` int32."""
    return dct.forward(dct.to_blocks(picture) - MIDDLE).reshape(64, -1)
