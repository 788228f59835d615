"""Paper B's multi-stage encryption (Algorithm 1): a picture that a network can still classify.

1. Inside every block, the positions of each channel's values are permuted (local texture).
2. Blocks of the same size change places (global texture).
3. Each channel of the block now at a position is XORed with one value that belongs to that position (colour).
4. The channels of each block change places (colour).

Every value of a block gets the same XOR mask, so a flat block stays flat: that is what keeps encrypted
pictures searchable, and exactly what leaks. It is a scrambler with a key, not encryption in the modern sense.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_128
from itertools import product
from typing import Literal

import numpy as np

from engine.encryption.errors import CipherError
from engine.encryption.keys import check_key, derive_key

Policy = Literal["shared", "fresh"]
ImageId = str | bytes | int
CHANNELS = 3


@dataclass(frozen=True)
class Schedule:
    """What one key does to pictures of one size, with samples numbered ``(y * W + x) * 3 + channel``.

    Attributes:
        source: ``(H * W * 3,)`` int64; sample i of the result comes from sample ``source[i]``.
        mask: ``(H * W * 3,)`` uint8, XORed onto the result.
    """

    source: np.ndarray
    mask: np.ndarray

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Encrypt ``(..., H * W * 3)`` uint8."""
        return np.take(samples, self.source, axis=-1) ^ self.mask

    def undo(self, samples: np.ndarray) -> np.ndarray:
        """Decrypt ``(..., H * W * 3)`` uint8."""
        restored = np.empty_like(samples)
        restored[..., self.source] = samples ^ self.mask
        return restored


class _Stream:
    """Keyed random numbers (SHAKE128): the same on every machine and in every NumPy version."""

    def __init__(self, key: bytes) -> None:
        self._key, self._calls = key, 0

    def words(self, count: int) -> np.ndarray:
        """``(count,)`` uint64 below 2^32."""
        self._calls += 1
        stream = shake_128(self._key + self._calls.to_bytes(4, "big")).digest(4 * count)
        return np.frombuffer(stream, "<u4").astype(np.uint64)

    def permutations(self, count: int, length: int) -> np.ndarray:
        """``(count, length)`` int64, each row a permutation: the order of random words.

        The position rides in the low bits, which makes sorting independent of how ties are broken.
        """
        tagged = self.words(count * length).reshape(count, length) << np.uint64(32)
        tagged |= np.arange(length, dtype=np.uint64)
        tagged.sort(axis=1)
        return (tagged & np.uint64(0xFFFF_FFFF)).astype(np.int64)


def block_positions(height: int, width: int, block_size: int) -> list[np.ndarray]:
    """Pixel numbers of every block, one array per block shape.

    A picture that is no multiple of the block size has up to four shapes: whole blocks, a right strip, a
    bottom strip and a corner. Blocks only change places with blocks of their own shape.

    Returns:
        Arrays ``(blocks, pixels per block)`` int64 of row-major pixel numbers.

    >>> [group.shape for group in block_positions(5, 5, 2)]
    [(4, 4), (2, 2), (2, 2), (1, 1)]
    """
    pixels = np.arange(height * width).reshape(height, width)
    groups = []
    for (top, bottom, tall), (left, right, wide) in product(
        _spans(height, block_size), _spans(width, block_size)
    ):
        part = pixels[top:bottom, left:right]
        tiles = part.reshape(part.shape[0] // tall, tall, part.shape[1] // wide, wide).swapaxes(1, 2)
        groups.append(tiles.reshape(-1, tall * wide))
    return groups


def _spans(side: int, block_size: int) -> list[tuple[int, int, int]]:
    whole = side // block_size * block_size
    spans = [(0, whole, block_size), (whole, side, side - whole)]
    return [span for span in spans if span[1] > span[0]]


class MultiStageCipher:
    """Scramble pictures with paper B's Algorithm 1.

    >>> cipher = MultiStageCipher(bytes(32), block_size=4)
    >>> picture = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    def __init__(
        self, key: bytes, block_size: int = 8, substitution: int = 255, policy: Policy = "shared"
    ) -> None:
        """Choose the key and the dials.

        Args:
            key: 32 bytes from :func:`generate_key`.
            block_size: side of a block in pixels, 1..64.
            substitution: largest XOR mask, 0..255: masks are drawn evenly from 0..substitution, so 0 leaves
                the values as they are (paper B Table III).
            policy: ``"shared"``, one key for a collection, or ``"fresh"``, a key per picture derived from its
                identifier.

        Raises:
            CipherError: if the key or a dial is out of range.
        """
        self._key = check_key(key)
        if not isinstance(block_size, int) or not 1 <= block_size <= 64:
            raise CipherError(f"The block size must be a whole number from 1 to 64, got {block_size!r}.")
        if not isinstance(substitution, int) or not 0 <= substitution <= 255:
            raise CipherError(
                f"The substitution range must be a whole number from 0 to 255, got {substitution!r}."
            )
        if policy not in ("shared", "fresh"):
            raise CipherError(f'The key policy must be "shared" or "fresh", got {policy!r}.')
        self.block_size, self.substitution, self.policy = block_size, substitution, policy
        self._shared: tuple[tuple[int, int], Schedule] | None = None

    def encrypt(self, image: np.ndarray, image_id: ImageId | None = None) -> np.ndarray:
        """Scramble one picture.

        Args:
            image: ``(H, W)``, replicated to three channels, or ``(H, W, 3)``, uint8.
            image_id: names the picture under the ``"fresh"`` policy; must not repeat. Unused when shared.

        Returns:
            ``(H, W, 3)`` uint8.

        Raises:
            CipherError: if the picture is of another kind, or a fresh key lacks its identifier.
        """
        image = _as_rgb(image)
        schedule = self.schedule(image.shape[0], image.shape[1], image_id)
        return schedule.apply(image.reshape(-1)).reshape(image.shape)

    def decrypt(self, image: np.ndarray, image_id: ImageId | None = None) -> np.ndarray:
        """Undo :meth:`encrypt` exactly.

        Returns:
            ``(H, W, 3)`` uint8; three equal channels if the picture was gray.
        """
        image = _as_rgb(image)
        schedule = self.schedule(image.shape[0], image.shape[1], image_id)
        return schedule.undo(image.reshape(-1)).reshape(image.shape)

    def encrypt_batch(self, images: np.ndarray, ids: Sequence[ImageId] | None = None) -> np.ndarray:
        """Scramble pictures of one size, each as :meth:`encrypt` would.

        Args:
            images: ``(N, H, W)`` or ``(N, H, W, 3)`` uint8.
            ids: N identifiers, needed under the ``"fresh"`` policy.

        Returns:
            ``(N, H, W, 3)`` uint8.

        Raises:
            CipherError: as :meth:`encrypt`, or if the number of identifiers differs.
        """
        if not isinstance(images, np.ndarray) or images.ndim not in (3, 4):
            raise CipherError("A batch is an array (N, H, W) or (N, H, W, 3): stack the pictures first.")
        if ids is not None and len(ids) != len(images):
            raise CipherError(f"{len(images)} pictures need as many identifiers, got {len(ids)}.")
        if self.policy == "fresh" and len(images):
            return np.stack([self.encrypt(image, ids[n] if ids else None) for n, image in enumerate(images)])
        rgb = images if images.ndim == 4 else np.repeat(images[..., None], CHANNELS, axis=-1)
        if not len(rgb):
            return rgb
        _as_rgb(rgb[0])
        schedule = self.schedule(rgb.shape[1], rgb.shape[2], None)
        return schedule.apply(rgb.reshape(len(rgb), -1)).reshape(rgb.shape)

    def stages(self, image: np.ndarray, image_id: ImageId | None = None) -> dict[str, np.ndarray]:
        """Every intermediate picture, in order: ``original``, ``scrambled``, ``shuffled``, ``substituted``,
        ``swapped`` (the result of :meth:`encrypt`), each ``(H, W, 3)`` uint8.
        """  # noqa: D205
        image = _as_rgb(image)
        pictures = {"original": image}
        current = image.reshape(-1)
        steps = self._steps(image.shape[0], image.shape[1], image_id)
        for name, step in zip(("scrambled", "shuffled", "substituted", "swapped"), steps, strict=True):
            current = step.apply(current)
            pictures[name] = current.reshape(image.shape)
        return pictures

    def schedule(self, height: int, width: int, image_id: ImageId | None = None) -> Schedule:
        """The whole scheme as one permutation and one mask: what an attacker has to find.

        Raises:
            CipherError: if a fresh key lacks its identifier.
        """
        if self.policy == "shared" and self._shared and self._shared[0] == (height, width):
            return self._shared[1]
        scramble, shuffle, substitute, swap = self._steps(height, width, image_id)
        source = scramble.source[shuffle.source][swap.source]
        schedule = Schedule(source, substitute.mask[swap.source])
        if self.policy == "shared":
            self._shared = (height, width), schedule
        return schedule

    def _steps(self, height: int, width: int, image_id: ImageId | None) -> tuple[Schedule, ...]:
        """The four stages, each as a schedule of its own."""
        stream = _Stream(self._picture_key(image_id))
        samples = height * width * CHANNELS
        scramble, shuffle, swap = (np.arange(samples) for _ in range(3))
        mask = np.zeros(samples, np.uint8)
        for pixels in block_positions(height, width, self.block_size):
            count, length = pixels.shape
            cells = pixels[:, :, None] * CHANNELS + np.arange(CHANNELS)
            order = (
                stream.permutations(count * CHANNELS, length).reshape(count, CHANNELS, length).swapaxes(1, 2)
            )
            scramble[cells] = np.take_along_axis(cells, order, axis=1)
            shuffle[cells] = cells[stream.permutations(1, count)[0]]
            drawn = stream.words(count * CHANNELS) * np.uint64(self.substitution + 1) >> np.uint64(32)
            mask[cells] = drawn.astype(np.uint8).reshape(count, 1, CHANNELS)
            channels = stream.permutations(count, CHANNELS)[:, None, :]
            swap[cells] = np.take_along_axis(cells, np.broadcast_to(channels, cells.shape), axis=2)
        nothing, identity = np.zeros(samples, np.uint8), np.arange(samples)
        return (
            Schedule(scramble, nothing),
            Schedule(shuffle, nothing),
            Schedule(identity, mask),
            Schedule(swap, nothing),
        )

    def _picture_key(self, image_id: ImageId | None) -> bytes:
        if self.policy == "shared":
            return derive_key(self._key, salt=b"", info=b"CXR Vault multi-stage shared")
        if image_id is None:
            raise CipherError("A fresh key per picture is derived from its identifier: pass image_id.")
        name = image_id if isinstance(image_id, bytes) else str(image_id).encode()
        return derive_key(self._key, salt=name, info=b"CXR Vault multi-stage fresh")


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """``(H, W)`` or ``(H, W, 3)`` uint8 to contiguous ``(H, W, 3)``, or an error that says what is wrong."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise CipherError(
            f"The multi-stage cipher takes uint8 pictures, got {found}: convert to 8 bits first."
        )
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != CHANNELS) or 0 in image.shape:
        raise CipherError(
            f"The picture must be (H, W) or (H, W, 3), got shape {image.shape}: reshape it first."
        )
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], CHANNELS, axis=-1)
    return np.ascontiguousarray(rgb)
