"""How much of a ciphertext changes with one bit of the key, of the block, or of the picture.

A good block cipher changes half of its output bits. A picture encrypted in counter mode changes where the picture does
and nowhere else, unless the nonce changes: then all of it does, whatever the picture. So a figure for a changed pixel
says nothing without the nonce.
"""

import secrets
from typing import NamedTuple

import numpy as np

from engine.encryption import FrequencyCipher, Present
from engine.evaluation import npcr

BLOCK_BITS = 64


class PixelChange(NamedTuple):
    """Share of pixels of the ciphertext that change with one pixel of the picture, in percent (NPCR)."""

    same_nonce: float
    fresh_nonce: float


def block_avalanche(key: bytes, blocks: np.ndarray) -> np.ndarray:
    """Flip each bit of PRESENT's input in turn.

    Args:
        key: 10 or 16 bytes.
        blocks: ``(N,)`` uint64.

    Returns:
        ``(64,)`` float64, mean share of output bits that change with each input bit.
    """
    cipher = Present(key)
    before = cipher.encrypt(blocks)
    flipped = [cipher.encrypt(blocks ^ (np.uint64(1) << np.uint64(bit))) for bit in range(BLOCK_BITS)]
    return np.array([_changed_bits(before, after) for after in flipped])


def key_avalanche(key: bytes, blocks: np.ndarray) -> np.ndarray:
    """Flip each bit of PRESENT's key in turn: ``(8 * len(key),)`` float64, as :func:`block_avalanche`."""
    before = Present(key).encrypt(blocks)
    return np.array([_changed_bits(before, Present(flip(key, bit)).encrypt(blocks)) for bit in range(8 * len(key))])


def pixel_change(key: bytes, image: np.ndarray) -> PixelChange:
    """Change one gray level of one pixel, and seal under the same salt and nonce and under fresh ones.

    Args:
        key: 32 bytes.
        image: ``(H, W)`` uint8 or uint16.
    """
    cipher, other = FrequencyCipher(key), image.copy()
    other[image.shape[0] // 2, image.shape[1] // 2] ^= 1
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(4)
    before = cipher.stages(image, salt=salt, nonce=nonce)["present"]
    return PixelChange(
        npcr(before, cipher.stages(other, salt=salt, nonce=nonce)["present"]),
        npcr(before, cipher.stages(other)["present"]),
    )


def key_change(key: bytes, image: np.ndarray) -> float:
    """Share of pixels of the ciphertext that change with the last bit of the master key, in percent (NPCR).

    Salt and nonce stay the same: with fresh ones the figure would say nothing about the key.
    """
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(4)
    one, other = (
        FrequencyCipher(k).stages(image, salt=salt, nonce=nonce)["present"] for k in (key, flip(key, 8 * len(key) - 1))
    )
    return npcr(one, other)


def flip(data: bytes, bit: int) -> bytes:
    """Flip one bit, counted from the first byte's highest.

    >>> flip(bytes(2), 15).hex()
    '0001'
    """
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def _changed_bits(before: np.ndarray, after: np.ndarray) -> float:
    return float(np.bitwise_count(before ^ after).mean() / BLOCK_BITS)
