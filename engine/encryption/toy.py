"""A cipher broken on purpose.

It passes entropy, chi-square, NPCR, UACI and correlation like a real one, and has 256 keys. It is here so
that every table of such figures shows what they do not prove. Never seal anything with it.
"""

import random

import numpy as np

from engine.encryption.container import check_picture
from engine.encryption.errors import CipherError


class ToyCipher:
    """XOR with a Mersenne Twister seeded by an 8-bit key: broken on purpose.

    >>> picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    >>> bool((ToyCipher(7).decrypt(ToyCipher(7).encrypt(picture)) == picture).all())
    True
    """

    broken_on_purpose = True

    def __init__(self, key: int) -> None:
        """Take the whole key space: a number from 0 to 255.

        Raises:
            CipherError: if ``key`` is anything else.
        """
        if not isinstance(key, int) or not 0 <= key <= 255:
            raise CipherError("The toy cipher's key is a number from 0 to 255.")
        self._key = key

    def encrypt(self, image: np.ndarray) -> np.ndarray:
        """XOR the picture with the keystream: same shape and dtype.

        Raises:
            CipherError: if ``image`` is no uint8 or uint16 picture.
        """
        image = check_picture(image)
        stream = random.Random(self._key).randbytes(image.nbytes)
        return image ^ np.frombuffer(stream, image.dtype.newbyteorder("<")).astype(image.dtype).reshape(image.shape)

    def decrypt(self, image: np.ndarray) -> np.ndarray:
        """XOR again."""
        return self.encrypt(image)
