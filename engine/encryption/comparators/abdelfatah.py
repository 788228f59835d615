"""Abdelfatah, Saqr and Nasr (Multimed. Tools Appl. 82:22213, 2023): adaptive DNA coding under a combined chaotic map.

The SHA-256 of the picture sets the start of one map made of Henon's, the Gauss and the logistic map (HGL). Its
sequence gives each sample a key byte and chooses, sample by sample, which of the eight DNA rules codes it; coded
sample and coded key byte are added base by base (XOR), and another rule decodes the sum.
"""

import hashlib

import numpy as np

from engine.encryption.comparators.scheme import CipherPicture, Comparator, check_sides, fraction
from engine.encryption.compilation import Kernel, use_compiled

TRANSIENT = 1000
GAIN = 1024.0
# The eight rules under which complementary bases (A-T, C-G; here 0-3, 1-2) stand for complementary pairs of bits.
_RULES = ("0123", "0213", "1032", "1302", "2031", "2301", "3120", "3210")


class AbdelfatahCipher(Comparator):
    """Code, add and decode samples by DNA rules that a chaotic sequence chooses.

    >>> cipher, picture = AbdelfatahCipher(bytes(32)), np.arange(6, dtype=np.uint16).reshape(2, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    name = "abdelfatah"
    title = "Abdelfatah et al."
    paper = "Abdelfatah, Saqr, Nasr, Multimed. Tools Appl. 82:22213-22227, 2023, doi:10.1007/s11042-022-13343-8"
    promise = (
        "Compared with in paper A's Table 6: DNA rules and a chaotic stream set by the picture's own hash. A toy: "
        "nothing is authenticated, and a repeated picture shows."
    )
    claimed_key_bits = 478
    departures = (
        "The HGL map is 1024 times the sum of the three maps, 1 - a x^2 + b y + exp(-c x^2) + d + r x (1 - x), modulo "
        "1. How the paper merges them is not public in what we could read; the sum alone has keys without chaos.",
        "The exponential is a polynomial of additions and products, because those give the same bits on every machine.",
        "The owner's key and the picture's SHA-256 give start and parameters by HKDF-SHA256; in the paper the hash "
        "sets the start, so it is part of each picture's key. Here it travels with the cipher picture.",
        "Pictures of 16 bits are treated as their bytes; there is no hiding of patient data in the picture.",
        "Samples keep their places: a scrambling step is not described in what we could read.",
    )

    def encrypt(self, image: np.ndarray) -> CipherPicture:
        """Encrypt ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16: same shape and dtype, the SHA-256 beside it."""
        image = check_sides(image)
        samples = _bytes(image)
        digest = hashlib.sha256(samples.tobytes()).digest()
        keys, coding, decoding = self._stream(digest, len(samples))
        total = _CODE[coding, samples] ^ _CODE[coding, keys]
        return CipherPicture(_picture(_DECODE[decoding, total], image), digest)

    def decrypt(self, sealed: CipherPicture) -> np.ndarray:
        """Undo it with the SHA-256 that travelled along."""
        image = check_sides(sealed.picture)
        samples = _bytes(image)
        keys, coding, decoding = self._stream(sealed.carried, len(samples))
        total = _CODE[decoding, samples] ^ _CODE[coding, keys]
        return _picture(_DECODE[coding, total], image)

    def _stream(self, digest: bytes, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Key bytes, coding rules and decoding rules of each sample: three ``(count,)`` uint8."""
        material = self._derive(digest, 7 * 7)
        drawn = [fraction(material[7 * n :]) for n in range(7)]
        # Henon's, the Gauss and the logistic map, each where it is chaotic.
        low, high = (0.0, 0.0, 1.3, 0.2, 6.0, -0.6, 3.9), (1.0, 1.0, 1.4, 0.3, 7.0, -0.5, 4.0)
        start = np.array([a + (b - a) * part for a, b, part in zip(low, high, drawn, strict=True)])
        values = np.empty(TRANSIENT + count)
        (_orbit.compiled if use_compiled("auto") else _orbit)(start, values)
        # Of a value's 53 bits the gain leaves 42 after the point.
        words = (values[TRANSIENT:] * 2.0**32).astype(np.uint64)
        return words.astype(np.uint8), (words >> 8 & 7).astype(np.uint8), (words >> 11 & 7).astype(np.uint8)


def _bytes(image: np.ndarray) -> np.ndarray:
    """The samples of a picture as little-endian bytes, ``(N,)`` uint8."""
    return np.frombuffer(image.astype(image.dtype.newbyteorder("<"), copy=False).tobytes(), np.uint8)


def _picture(samples: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Undo :func:`_bytes`."""
    return samples.view(like.dtype.newbyteorder("<")).astype(like.dtype).reshape(like.shape)


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """What each rule makes of a byte's four pairs of bits, and the way back: two ``(8, 256)`` uint8."""
    rules = np.array([[int(base) for base in rule] for rule in _RULES], np.uint8)
    values, places = np.arange(256), np.arange(0, 8, 2)
    pairs = values[:, None] >> places & 3
    code, decode = ((table[:, pairs].astype(int) << places).sum(axis=2) for table in (rules, rules.argsort(axis=1)))
    return code.astype(np.uint8), decode.astype(np.uint8)


_CODE, _DECODE = _tables()


@Kernel
def _exp(value):  # type: ignore[no-untyped-def]
    """exp(value) for value in -8..0: a Taylor polynomial of value / 64, squared six times."""
    small = value / 64.0
    total = 1.0 + small / 8.0
    for n in range(7, 0, -1):
        total = 1.0 + small / n * total
    for _ in range(6):
        total = total * total
    return total


@Kernel
def _orbit(start, values):  # type: ignore[no-untyped-def]
    """The HGL map; every value lies in 0..1."""
    x, y, a, b, c, d, r = start
    for n in range(len(values)):
        total = 1.0 - a * x * x + b * y + _exp(-c * x * x) + d + r * x * (1.0 - x)
        y = x
        x = (GAIN * total) % 1.0
        values[n] = x
