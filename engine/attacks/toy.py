"""Break the toy cipher: 256 keys, and a picture is smoother than noise."""

import numpy as np

from engine.attacks.arnold import picture_roughness
from engine.attacks.outcome import Adversary
from engine.encryption import ToyCipher

ADVERSARY = Adversary(knows="One encrypted picture.")
KEYS = 256


def find_key(encrypted: np.ndarray) -> int:
    """Try every key and keep the one that gives the smoothest picture.

    Args:
        encrypted: ``(H, W)`` uint8 or uint16.
    """
    # The keystream starts with the first row, so a strip at the top decides.
    strip = encrypted[:16]
    return min(range(KEYS), key=lambda guess: picture_roughness(ToyCipher(guess).decrypt(strip)))


def break_toy(encrypted: np.ndarray) -> np.ndarray:
    """Return the picture that :func:`find_key` leads to."""
    return ToyCipher(find_key(encrypted)).decrypt(encrypted)
