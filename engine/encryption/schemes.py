"""Every way to seal a picture: what all that chooses, describes or measures ciphers reads.

To add a cipher that makes containers: write it beside ``aes.py``, add one entry here, test it. The container, the
command line, the studies and the pages find it in :data:`SCHEMES`.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Any, Protocol

import numpy as np

from engine.encryption.aes import AesGcmCipher
from engine.encryption.cipher import ContainerCipher
from engine.encryption.comparators import COMPARATORS
from engine.encryption.container import Layout, Shape, sealed_bytes
from engine.encryption.content import FRAME_BYTES
from engine.encryption.errors import CipherError
from engine.encryption.frequency import FrequencyCipher
from engine.encryption.multistage import MultiStageCipher
from engine.encryption.toy import ToyCipher

GALLERY_SCHEME = "aes"
"""What galleries are sealed with unless somebody chooses otherwise."""


class Cipher(Protocol):
    """Whatever seals a picture and opens it again; every scheme's class is one."""

    def encrypt(self, image: np.ndarray) -> Any:
        """The sealed picture: a container (bytes), or a cipher picture (uint8) of a scheme that makes none."""

    def decrypt(self, blob: Any) -> np.ndarray:
        """The exact picture that :meth:`encrypt` was given."""


@dataclass(frozen=True)
class Scheme:
    """A way to seal a picture.

    Attributes:
        title: Short name.
        promise: What it gives, in one sentence.
        key_bits: What a search for the key costs, in bits.
        make: Makes the cipher from a 32-byte key.
        stages: Title and sentence of each intermediate picture, by the cipher's name for it.
        container: The class that makes authenticated files of it; None where it makes cipher pictures.
        channels: Of the cipher picture of a gray picture, where it makes one.
    """

    title: str
    promise: str
    key_bits: int
    make: Callable[[bytes], Cipher]
    stages: dict[str, tuple[str, str]] = field(repr=False)
    container: type[ContainerCipher] | None = None
    channels: int = 1

    @property
    def layout(self) -> Layout:
        """How its container is filled.

        Raises:
            CipherError: it makes none.
        """
        return self.container_cipher.layout

    @property
    def container_cipher(self) -> type[ContainerCipher]:
        """The class that makes sealed files of it.

        Raises:
            CipherError: there is none.
        """
        if self.container is None:
            raise CipherError(f"The {self.title} scheme makes no sealed file: choose one that does.")
        return self.container

    def sealed_bytes(self, shape: Shape, dtype: np.dtype) -> int:
        """Size of what leaves for a picture.

        >>> SCHEMES["aes"].sealed_bytes((512, 512), np.dtype("u1"))
        270482
        """
        if self.container is None:
            return shape[0] * shape[1] * self.channels * dtype.itemsize
        return sealed_bytes(self.layout, self.layout.payload_bytes(shape, dtype) + FRAME_BYTES)


_ORIGINAL = ("The picture", "As it is on this side.")
SCHEMES: dict[str, Scheme] = {
    "frequency": Scheme(
        "Frequency",
        "Paper A. Every pixel hidden, every change noticed: scrambled in space and in frequency, "
        "then encrypted with PRESENT-128 and authenticated.",
        128,
        FrequencyCipher,
        {
            "original": _ORIGINAL,
            "arnold": ("Arnold", "Pixels move along two shears; no gray level changes."),
            "dct": ("DCT", "Each 8x8 block as frequencies (log scale)."),
            "logistic": ("Logistic", "A chaotic map shuffles and flips the frequencies."),
            "idct": ("Inverse DCT", "Back to something like pixels (log scale)."),
            "present": ("PRESENT", "A block cipher in counter mode: this is what leaves."),
        },
        FrequencyCipher,
    ),
    "multistage": Scheme(
        "Multi-stage",
        "Paper B. A scrambler that leaves just enough for a network to classify, and that is exactly "
        "what leaks. Nobody notices a change.",
        256,
        MultiStageCipher,
        {
            "original": _ORIGINAL,
            "scrambled": ("Inside blocks", "Pixels change places within each block."),
            "shuffled": ("Between blocks", "Blocks change places."),
            "substituted": ("Values", "Each block is XORed with a value of its own."),
            "swapped": ("Channels", "Colour channels change places: this is what leaves."),
        },
        channels=3,
    ),
    "aes": Scheme(
        "AES-256-GCM",
        "The standard to measure the others against.",
        256,
        AesGcmCipher,
        {"original": _ORIGINAL},
        AesGcmCipher,
    ),
    "toy": Scheme(
        "Toy",
        "Broken on purpose: 256 keys in all. It is here because it passes the statistical tests too.",
        8,
        lambda key: ToyCipher(key[-1]),
        {"original": _ORIGINAL},
    ),
    **{
        name: Scheme(f"{cipher.title}, rebuilt", cipher.promise, cipher.key_bits, cipher, {"original": _ORIGINAL})
        for name, cipher in COMPARATORS.items()
    },
}
CONTAINER_SCHEMES = tuple(name for name, scheme in SCHEMES.items() if scheme.container)


def scheme_of(code: int) -> Scheme:
    """The scheme that a container's code byte names.

    Raises:
        CipherError: there is none.
    """
    for name in CONTAINER_SCHEMES:
        if SCHEMES[name].layout.code == code:
            return SCHEMES[name]
    raise CipherError(f"The sealed file names an unknown scheme ({code}): it is damaged, fetch it again.")


@dataclass(frozen=True)
class SealSetting:
    """One way to seal pictures: a scheme and, where it has dials, their positions.

    Attributes:
        scheme: A name of :data:`SCHEMES`.
        block_size: Side of the blocks in pixels; None for the scheme's own choice, or where it has no blocks.
        substitution: Largest XOR mask, 0..255; likewise.
        policy: ``"shared"``, one key for all pictures, or ``"fresh"``, one for each; likewise.

    Example:
        >>> SealSetting("multistage", 8, 192, "fresh").name
        'multistage-8-192-fresh'
    """

    scheme: str = "frequency"
    block_size: int | None = None
    substitution: int | None = None
    policy: str | None = None

    @property
    def name(self) -> str:
        """``"aes"``, ``"multistage-8-192-fresh"`` and so on."""
        return "-".join(str(dial) for dial in astuple(self) if dial is not None)

    def cipher(self, key: bytes) -> Any:
        """The cipher of this setting under a 32-byte key.

        Raises:
            CipherError: a dial is out of range.
        """
        dials = {"block_size": self.block_size, "substitution": self.substitution, "policy": self.policy}
        if self.scheme == "multistage":
            return MultiStageCipher(key, **{name: dial for name, dial in dials.items() if dial is not None})  # type: ignore[arg-type]
        return SCHEMES[self.scheme].make(key)

    def bytes(self, shape: Shape) -> int:
        """Size of what leaves for an 8-bit picture of this shape."""
        return SCHEMES[self.scheme].sealed_bytes(shape, np.dtype(np.uint8))
