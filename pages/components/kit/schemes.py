"""The ways to seal a picture (``engine.encryption.schemes``), spoken to in one way by the pages that compare them."""

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engine.encryption import SCHEMES, SealSetting, as_picture, open_container
from engine.encryption.comparators import CipherPicture

PICTURE_NAME = "this picture"
Data = bytes | np.ndarray | CipherPicture
_SEALED = ("Encrypted", "This is what leaves.")


@dataclass(frozen=True)
class Sealed:
    """A sealed picture.

    Attributes:
        data: The container (bytes), or the cipher picture where the scheme makes no container, with what has to
            travel along.
        look: The cipher picture, uint8, ``(H, W)`` or ``(H, W, 3)``.
        seconds: What sealing took, measured now.
    """

    data: Data
    look: np.ndarray
    seconds: float

    @property
    def size(self) -> int:
        """Bytes that leave."""
        if isinstance(self.data, CipherPicture):
            return self.data.picture.nbytes + len(self.data.carried)
        return len(self.data) if isinstance(self.data, bytes) else self.data.nbytes


def seal(dials: SealSetting, key: bytes, image: np.ndarray) -> Sealed:
    """Seal a picture and time it."""
    machine = dials.cipher(key)
    _warm_up(dials.scheme, image.dtype)
    start = time.perf_counter()
    data = machine.encrypt(image, *names(dials))
    seconds = time.perf_counter() - start
    return Sealed(data, look_of(data, image.shape[:2]), seconds)


def unseal(dials: SealSetting, key: bytes, data: Data) -> np.ndarray:
    """Open a sealed picture.

    Raises:
        engine.encryption.AuthenticationError: The scheme notices a wrong key or a change.
    """
    return dials.cipher(key).decrypt(data, *names(dials))


def stages(dials: SealSetting, key: bytes, image: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Return title, sentence and picture (uint8) of every step, the original first."""
    words = SCHEMES[dials.scheme].stages
    if len(words) == 1:
        return [(*words["original"], as_picture(image)), (*_SEALED, seal(dials, key, image).look)]
    pictures = dials.cipher(key).stages(image, *names(dials))
    return [(*words[name], as_picture(picture)) for name, picture in pictures.items()]


def look_of(data: Data, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return what sealed data looks like: its first encrypted bytes as gray levels.

    Args:
        data: A container, or a cipher picture, which is returned as it is.
        shape: Of the picture, ``(H, W)``: one byte for each pixel. A square when None: a container does not say.
    """
    if isinstance(data, CipherPicture):
        return as_picture(data.picture)
    if not isinstance(data, bytes):
        return as_picture(data)
    encrypted = open_container(data).ciphertext
    side = math.isqrt(len(encrypted))
    height, width = shape or (side, side)
    return np.frombuffer(encrypted, np.uint8, count=height * width).reshape(height, width)


def wrong_key(key: bytes) -> bytes:
    """Return the key with its last bit flipped."""
    return key[:-1] + bytes([key[-1] ^ 1])


def changed(data: Data) -> Data:
    """Return sealed data with one bit flipped in its middle."""
    if isinstance(data, CipherPicture):
        return replace(data, picture=np.asarray(changed(data.picture)))
    if isinstance(data, bytes):
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    copy = data.copy()
    copy.reshape(-1)[copy.size // 2] ^= 1
    return copy


def race(jobs: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """Time jobs in turns, so that whatever slows the machine down slows them all.

    Args:
        jobs: What to run, by name.
        rounds: How often each.

    Returns:
        The shortest time of each, in seconds.
    """
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, run in jobs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@functools.cache
def _warm_up(scheme: str, dtype: np.dtype) -> None:
    """Compile what is compiled at first use of pixels of a type, so that no visitor's time has it in it."""
    dials = SealSetting(scheme)
    dials.cipher(bytes(32)).encrypt(np.zeros((16, 16), dtype), *names(dials))


def names(dials: SealSetting) -> tuple[str, ...]:
    """Return what the scheme calls a picture, if it calls it anything."""
    return (PICTURE_NAME,) if dials.scheme == "multistage" else ()
