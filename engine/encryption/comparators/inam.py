"""Inam, Kanwal, Firdous and Hajjej (Sci. Rep. 14:5678, 2024): Arnold's cat map for places and for values.

The paper (BCAES) encrypts with a scheme of Arnold's cat map, stores the result in a cloud and a signature of the plain
picture in a blockchain. Here the map moves the pixels, and a second one, running on its own, gives the bytes they are
XORed with.
"""

import numpy as np

from engine.encryption import arnold
from engine.encryption.arnold import ArnoldParameters
from engine.encryption.comparators.scheme import CipherPicture, Comparator, check_sides
from engine.encryption.payload import to_picture, to_planes


class InamCipher(Comparator):
    """Move pixels by the cat map and XOR them with the orbit of another.

    >>> cipher, picture = InamCipher(bytes(32)), np.arange(6, dtype=np.uint8).reshape(2, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    name = "inam"
    title = "Inam et al."
    paper = "Inam, Kanwal, Firdous, Hajjej, Sci. Rep. 14:5678, 2024, doi:10.1038/s41598-024-56364-z"
    promise = (
        "Compared with in paper A's Table 6: Arnold's cat map for places and values. A toy: three chosen pictures open "
        "all others (Privacy lab)."
    )
    claimed_key_bits = 960
    departures = (
        "The cat map is written as two shears, which fit any height and width; the paper's matrix needs a square.",
        "Values are XORed with the leading bits of a cat map's orbit on a torus of 2^64 points a side; the paper's "
        "substitution is not public in what we could read, and its entropy shows that there is one.",
        "The owner's key gives all parameters by HKDF-SHA256: 41 bytes of them, from a key of 256 bits.",
        "Cloud, blockchain and signature are left out: they add integrity, not secrecy.",
    )

    def encrypt(self, image: np.ndarray) -> CipherPicture:
        """Encrypt ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16: same shape and dtype."""
        image = check_sides(image)
        moved = to_picture(arnold.scramble(to_planes(image), self._places), image.shape)
        return CipherPicture(moved.astype(image.dtype) ^ self._mask(image))

    def decrypt(self, sealed: CipherPicture) -> np.ndarray:
        """Undo it."""
        image = check_sides(sealed.picture)
        planes = to_planes(image ^ self._mask(image))
        return to_picture(arnold.unscramble(planes, self._places), image.shape).astype(image.dtype)

    @property
    def _places(self) -> ArnoldParameters:
        return ArnoldParameters.from_key(self._derive(b"places", 9))

    def _mask(self, image: np.ndarray) -> np.ndarray:
        """What a picture of this shape and dtype is XORed with."""
        p, q, x, y = np.frombuffer(self._derive(b"values", 32), ">u8").astype(np.uint64)
        leading = cat_orbit(p, q, x | np.uint64(1), y, image.size) >> np.uint64(64 - 8 * image.dtype.itemsize)
        return leading.astype(image.dtype).reshape(image.shape)


def cat_orbit(p: np.uint64, q: np.uint64, x: np.uint64, y: np.uint64, count: int) -> np.ndarray:
    """First coordinates of an orbit of x' = x + p y, y' = q x + (p q + 1) y (mod 2^64).

    The map is linear, so the second half of a stretch is one matrix times the first.

    Args:
        p: First parameter.
        q: Second parameter.
        x: Start.
        y: Start.
        count: How many points, the start included.

    Returns:
        ``(count,)`` uint64.

    Example:
        >>> cat_orbit(*np.array([1, 1, 1, 0], np.uint64), 4).tolist()
        [1, 1, 2, 5]
    """
    orbit = np.array([[x], [y]], np.uint64)
    one = np.ones(1, np.uint64)
    matrix = np.array([[one, p * one], [q * one, p * one * q + one]], np.uint64)[..., 0]
    while orbit.shape[1] < count:
        orbit = np.concatenate([orbit, matrix @ orbit], axis=1)
        matrix = matrix @ matrix
    return orbit[0, :count]
