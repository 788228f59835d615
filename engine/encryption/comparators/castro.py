"""Castro, Impedovo and Pirlo (Appl. Sci. 13:6099, 2023): pixels in the order of a chaotic sequence.

The paper encrypts the medical picture with "a chaotic encryption algorithm based on a permutation key", hides it in
the wavelet coefficients of an unsuspicious picture, and sends the permutation key under ECC and AES. What protects the
pixels is the permutation alone: every value stays as it was.
"""

import numpy as np

from engine.encryption.comparators.scheme import CipherPicture, Comparator, check_sides, fraction
from engine.encryption.compilation import Kernel, use_compiled

TRANSIENT = 1000


class CastroCipher(Comparator):
    """Permute the pixels by the sort order of a logistic orbit.

    >>> cipher, picture = CastroCipher(bytes(32)), np.arange(6, dtype=np.uint8).reshape(2, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    name = "castro"
    title = "Castro et al."
    paper = "Castro, Impedovo, Pirlo, Appl. Sci. 13(10):6099, 2023, doi:10.3390/app13106099"
    promise = (
        "Compared with in paper A's Table 6: pixels in a chaotic order, values as they were. A toy: three chosen "
        "pictures open all others (Privacy lab)."
    )
    claimed_key_bits = 256
    key_bits = 104  # start and rate of the orbit, 52 bits each
    departures = (
        "The permutation is the sort order of a logistic orbit in double precision at a rate of 3.999 to 4; which "
        "chaotic map the paper uses is not public in what we could read.",
        "The owner's key gives the orbit's start and rate by HKDF-SHA256; the paper sends the permutation itself "
        "under ECC and AES.",
        "Hiding in a cover picture, the fingerprint and the health record are left out: they conceal, cost exactness, "
        "and add nothing to the secrecy of the pixels.",
        "Colour pictures move whole pixels, all channels alike.",
    )

    def encrypt(self, image: np.ndarray) -> CipherPicture:
        """Move every pixel: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, same shape and dtype."""
        image = check_sides(image)
        pixels = image.reshape(image.shape[0] * image.shape[1], -1)
        return CipherPicture(pixels[self.order(len(pixels))].reshape(image.shape))

    def decrypt(self, sealed: CipherPicture) -> np.ndarray:
        """Move every pixel back."""
        image = check_sides(sealed.picture)
        pixels = image.reshape(image.shape[0] * image.shape[1], -1)
        restored = np.empty_like(pixels)
        restored[self.order(len(pixels))] = pixels
        return restored.reshape(image.shape)

    def order(self, count: int) -> np.ndarray:
        """The permutation key: pixel i of the result is pixel ``order[i]`` of the picture, ``(count,)`` int64."""
        material = self._derive(b"", 14)
        # Two keys in a hundred between 3.9 and 4 lie in a window without chaos, where few values come round and round.
        rate, start = 3.999 + 0.001 * fraction(material), fraction(material[7:])
        values = np.empty(TRANSIENT + count)
        (_orbit.compiled if use_compiled("auto") else _orbit)(start, rate, values)
        return np.argsort(values[TRANSIENT:], kind="stable")


@Kernel
def _orbit(x, rate, values):  # type: ignore[no-untyped-def]
    """Logistic map x' = r x (1 - x)."""
    for n in range(len(values)):
        x = rate * x * (1.0 - x)
        values[n] = x
