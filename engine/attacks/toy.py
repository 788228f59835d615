"""Break the toy cipher: 256 keys, and a picture is smoother than noise."""

import numpy as np

from engine.attacks.outcome import Adversary
from engine.encryption import ToyCipher

ADVERSARY = Adversary(knows="One encrypted picture.")
KEYS = 256


def break_toy(encrypted: np.ndarray) -> tuple[np.ndarray, int]:
    """Try every key and keep the smoothest picture.

    Args:
        encrypted: ``(H, W)`` uint8 or uint16.

    Returns:
        The picture and its key.
    """
    # The keystream starts with the first row, so a strip at the top decides.
    strip = encrypted[:16]
    key = min(range(KEYS), key=lambda guess: _roughness(ToyCipher(guess).decrypt(strip)))
    return ToyCipher(key).decrypt(encrypted), key


def _roughness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(np.int32), axis=1)).mean())
