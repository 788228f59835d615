"""Sketches: 192 bits a picture, by which a server orders rows of one code without seeing their descriptors.

A supervised code gives thousands of pictures one value. A sketch is a thermometer code of the descriptor (Rachkovskij,
2007): each of its 64 values becomes three bits, whether it reaches each of three thresholds, so that Hamming distances
between sketches follow L1 distances between descriptors. It goes to the server under a mask of its own.

A mask hides what a bit means and no distance: with sketches a server sees how alike any two pictures are, finer than
their codes say. ``python -m engine sketches`` measures what it guesses from them: on the built-in gallery label and
source no better than from codes of 48 bits, which tell both well. An owner may keep sketches back (``sketched=False``).
"""

import numpy as np
import numpy.typing as npt

from engine.hashing.codes import pack_bits
from engine.hashing.descriptors import check_descriptors
from engine.retrieval.stores.base import SKETCH_BYTES

SKETCH_BITS = 8 * SKETCH_BYTES
# The quartiles of a descriptor's values, which are close to normal with a standard deviation of 50.
THRESHOLDS = (-34, 0, 34)


def sketches_of(descriptors: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Sketch descriptors.

    Args:
        descriptors: ``(N, 64)`` int8.

    Returns:
        ``(N, 24)`` uint8, packed, not masked.

    Raises:
        ValueError: they are not ``(N, 64)`` int8.

    Example:
        >>> low, high = sketches_of(np.array([[-100] * 64, [10] * 64], np.int8))
        >>> int(np.bitwise_count(low ^ high).sum())
        128
    """
    held = check_descriptors(descriptors)
    return pack_bits(np.concatenate([held >= threshold for threshold in THRESHOLDS], axis=1))
