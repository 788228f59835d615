"""What the comparators have in common: a key, a cipher picture of the picture's own shape, and a list of departures."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.encryption.container import check_picture
from engine.encryption.errors import CipherError
from engine.encryption.keys import check_key, derive_key

MANTISSA_BITS = 53


@dataclass(frozen=True)
class CipherPicture:
    """An encrypted picture.

    Attributes:
        picture: In the shape and dtype of the picture.
        carried: What has to travel with it for decryption besides the key; empty for most.
    """

    picture: np.ndarray
    carried: bytes = b""


class Comparator(ABC):
    """A published scheme, rebuilt for comparison.

    Attributes:
        name: In files, links and on the command line.
        title: For people.
        paper: Where it is published.
        promise: What it gives, in two sentences.
        claimed_key_bits: Key space that paper A's Table 6 quotes, as a power of two.
        key_bits: What the key can decide here: the 256 bits of the owner's key, or the fewer that the scheme uses.
        departures: Where this code does other than the paper, or than what the paper leaves open, a sentence each.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    promise: ClassVar[str]
    claimed_key_bits: ClassVar[int]
    key_bits: ClassVar[int] = 256
    departures: ClassVar[tuple[str, ...]]
    broken_on_purpose = True

    def __init__(self, key: bytes) -> None:
        """Take the owner's key, the same for all pictures.

        Args:
            key: 32 bytes from :func:`engine.encryption.generate_key`.

        Raises:
            CipherError: if the key is not 32 bytes.
        """
        self._key = check_key(key)

    @abstractmethod
    def encrypt(self, image: np.ndarray) -> CipherPicture:
        """Encrypt a picture.

        Args:
            image: ``(H, W)`` or ``(H, W, 3)``, uint8 or uint16, sides 2..65535.

        Raises:
            CipherError: if it is of another kind.
        """

    @abstractmethod
    def decrypt(self, sealed: CipherPicture) -> np.ndarray:
        """Undo :meth:`encrypt` exactly; a wrong key gives noise, because nothing is authenticated."""

    def _derive(self, salt: bytes, length: int) -> bytes:
        """Key material of this scheme (HKDF-SHA256)."""
        return derive_key(self._key, salt=salt, info=f"CXR Vault comparator {self.name}".encode(), length=length)


def check_sides(image: np.ndarray) -> np.ndarray:
    """Return a picture that the comparators can take, or say why not.

    Raises:
        CipherError: if it is no uint8 or uint16 picture, or a side is shorter than 2 pixels.
    """
    image = check_picture(image)
    if min(image.shape[:2]) < 2:
        raise CipherError(
            f"The compared schemes move pixels, and {image.shape[:2]} leaves none to move: use 2x2 or more."
        )
    return image


def fraction(material: bytes) -> float:
    """Read 7 bytes as a number in (0, 1), one of 2^52 evenly spaced ones.

    Example:
        >>> fraction(bytes([128, 0, 0, 0, 0, 0, 0])).hex()
        '0x1.0000000000001p-1'
    """
    return ((int.from_bytes(material[:7], "big") >> (56 - MANTISSA_BITS + 1)) * 2 + 1) / (1 << MANTISSA_BITS)
