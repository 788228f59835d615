"""The four ways to seal a picture, spoken to in one way by the pages that compare them."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.encryption import (
    AesGcmCipher,
    FrequencyCipher,
    MultiStageCipher,
    ToyCipher,
    as_picture,
    open_container,
)

PICTURE_NAME = "this picture"


@dataclass(frozen=True)
class Scheme:
    """A way to seal a picture, in words.

    Attributes:
        title: Short name.
        promise: What it gives, in one sentence.
        container: Whether it makes an authenticated file that the command line opens.
        stages: What each intermediate picture is, by the engine's name for it.
    """

    title: str
    promise: str
    container: bool
    stages: dict[str, tuple[str, str]]


_ORIGINAL = ("The picture", "As it is on this side.")
SCHEMES = {
    "frequency": Scheme(
        "Frequency",
        "Paper A. Every pixel hidden, every change noticed: scrambled in space and in frequency, "
        "then encrypted with PRESENT-128 and authenticated.",
        True,
        {
            "original": _ORIGINAL,
            "arnold": ("Arnold", "Pixels move along two shears; no gray level changes."),
            "dct": ("DCT", "Each 8x8 block as frequencies (log scale)."),
            "logistic": ("Logistic", "A chaotic map shuffles and flips the frequencies."),
            "idct": ("Inverse DCT", "Back to something like pixels (log scale)."),
            "present": ("PRESENT", "A block cipher in counter mode: this is what leaves."),
        },
    ),
    "multistage": Scheme(
        "Multi-stage",
        "Paper B. A scrambler that leaves just enough for a network to classify, and that is exactly "
        "what leaks. Nobody notices a change.",
        False,
        {
            "original": _ORIGINAL,
            "scrambled": ("Inside blocks", "Pixels change places within each block."),
            "shuffled": ("Between blocks", "Blocks change places."),
            "substituted": ("Values", "Each block is XORed with a value of its own."),
            "swapped": ("Channels", "Colour channels change places: this is what leaves."),
        },
    ),
    "aes": Scheme("AES-256-GCM", "The standard to measure the others against.", True, {"original": _ORIGINAL}),
    "toy": Scheme(
        "Toy",
        "Broken on purpose: 256 keys in all. It is here because it passes the statistical tests too.",
        False,
        {"original": _ORIGINAL},
    ),
}
_SEALED = ("Encrypted", "This is what leaves.")


@dataclass(frozen=True)
class Dials:
    """The settings of a sealing; those of other schemes are ignored."""

    scheme: str = "frequency"
    block_size: int = 8
    substitution: int = 255
    policy: str = "shared"


@dataclass(frozen=True)
class Sealed:
    """A sealed picture.

    Attributes:
        data: The container (bytes), or the cipher picture where the scheme makes no container.
        look: The cipher picture, uint8, ``(H, W)`` or ``(H, W, 3)``.
        seconds: What sealing took, measured now.
    """

    data: bytes | np.ndarray
    look: np.ndarray
    seconds: float

    @property
    def size(self) -> int:
        """Bytes that leave."""
        return len(self.data) if isinstance(self.data, bytes) else self.data.nbytes


def cipher(dials: Dials, key: bytes):  # noqa: ANN201
    """Return the engine's cipher for these dials.

    Raises:
        engine.encryption.CipherError: A dial is out of range.
    """
    if dials.scheme == "multistage":
        return MultiStageCipher(key, dials.block_size, dials.substitution, dials.policy)
    if dials.scheme == "toy":
        return ToyCipher(key[-1])
    return (AesGcmCipher if dials.scheme == "aes" else FrequencyCipher)(key)


def seal(dials: Dials, key: bytes, image: np.ndarray) -> Sealed:
    """Seal a picture and time it."""
    machine = cipher(dials, key)
    _warm_up(dials.scheme, image.dtype)
    start = time.perf_counter()
    data = machine.encrypt(image, *names(dials))
    seconds = time.perf_counter() - start
    return Sealed(data, look_of(data), seconds)


def unseal(dials: Dials, key: bytes, data: bytes | np.ndarray) -> np.ndarray:
    """Open a sealed picture.

    Raises:
        engine.encryption.AuthenticationError: The scheme notices a wrong key or a change.
    """
    return cipher(dials, key).decrypt(data, *names(dials))


def stages(dials: Dials, key: bytes, image: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Return title, sentence and picture (uint8) of every step, the original first."""
    words = SCHEMES[dials.scheme].stages
    if len(words) == 1:
        return [(*_ORIGINAL, as_picture(image)), (*_SEALED, seal(dials, key, image).look)]
    pictures = cipher(dials, key).stages(image, *names(dials))
    return [(*words[name], as_picture(picture)) for name, picture in pictures.items()]


def look_of(data: bytes | np.ndarray) -> np.ndarray:
    """Return what sealed data looks like: its first bytes as gray levels, one for each pixel."""
    if not isinstance(data, bytes):
        return as_picture(data)
    container = open_container(data)
    height, width = container.shape[:2]
    return np.frombuffer(container.ciphertext, np.uint8, count=height * width).reshape(height, width)


def wrong_key(key: bytes) -> bytes:
    """Return the key with its last bit flipped."""
    return key[:-1] + bytes([key[-1] ^ 1])


def changed(data: bytes | np.ndarray) -> bytes | np.ndarray:
    """Return sealed data with one bit flipped in its middle."""
    if isinstance(data, bytes):
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    copy = data.copy()
    copy.reshape(-1)[copy.size // 2] ^= 1
    return copy


def race(rivals: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Time rivals in turns, so that whatever slows the machine down slows them all.

    Args:
        rivals: What to run, by name.
        rounds: How often each.

    Returns:
        The shortest time of each, in seconds.
    """
    best = dict.fromkeys(rivals, float("inf"))
    for _ in range(rounds):
        for name, run in rivals.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@functools.cache
def _warm_up(scheme: str, dtype: np.dtype) -> None:
    """Compile what is compiled at first use of pixels of a type, so that no visitor's time has it in it."""
    dials = Dials(scheme)
    cipher(dials, bytes(32)).encrypt(np.zeros((16, 16), dtype), *names(dials))


def names(dials: Dials) -> tuple[str, ...]:
    """Return what the scheme calls a picture, if it calls it anything."""
    return (PICTURE_NAME,) if dials.scheme == "multistage" else ()
