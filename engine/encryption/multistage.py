"""Paper B's multi-stage encryption (Algorithm 1): a picture that a network can still classify.

1. Inside every block, the positions of each channel's values are permuted (local texture).
2. Blocks of the same size change places (global texture).
3. Each channel of the block now at a position is XORed with one value that belongs to that position (colour).
4. The channels of each block change places (colour).

Step 1 draws a permutation for each channel; the paper's Eq. 2 counts one for a block.

Every value of a block gets the same XOR mask, so a flat block stays flat: that is what keeps encrypted
pictures searchable, and exactly what leaks. It is a scrambler with a key, not encryption in the modern sense.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import shake_128
from itertools import product
from typing import Literal, Self

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


@dataclass(frozen=True)
class _Region:
    """Part of a picture that is tiled by blocks of one size.

    A picture that is no multiple of the block size has up to four: whole blocks, a right strip, a bottom
    strip and a corner. Blocks only change places within their region.
    """

    top: int
    left: int
    down: int
    across: int
    tall: int
    wide: int

    def view(self, samples: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """``(down, tall, across, wide, 3)`` view of flat samples of a picture of ``shape``."""
        bottom, right = self.top + self.down * self.tall, self.left + self.across * self.wide
        part = samples.reshape(*shape, CHANNELS)[self.top : bottom, self.left : right]
        return part.reshape(self.down, self.tall, self.across, self.wide, CHANNELS)


@dataclass(frozen=True)
class _Draws:
    """What the key decides for the n blocks of one region, each of p pixels.

    Attributes:
        order: ``(n, 3, p)``, which pixel of the block each value comes from, per channel.
        blocks: ``(n,)``, which block comes to each place.
        mask: ``(n, 3)`` uint8, XORed onto each channel of the block at a place.
        channels: ``(n, 3)``, which channel becomes the first, second and third.
    """

    order: np.ndarray
    blocks: np.ndarray
    mask: np.ndarray
    channels: np.ndarray

    @classmethod
    def from_stream(cls, stream: _Stream, count: int, pixels: int, substitution: int) -> "_Draws":
        order = stream.permutations(count * CHANNELS, pixels).reshape(count, CHANNELS, pixels)
        blocks = stream.permutations(1, count)[0]
        mask = (stream.words(count * CHANNELS) * np.uint64(substitution + 1) >> np.uint64(32)).astype(np.uint8)
        return cls(order, blocks, mask.reshape(count, CHANNELS), stream.permutations(count, CHANNELS))

    def upto(self, stage: int) -> "_Draws":
        """The first ``stage`` of the four stages, the others doing nothing."""
        count, _, pixels = self.order.shape
        nothing = _Draws(
            np.broadcast_to(np.arange(pixels), self.order.shape),
            np.arange(count),
            np.zeros_like(self.mask),
            np.broadcast_to(np.arange(CHANNELS), self.channels.shape),
        )
        chosen = [getattr(self if n < stage else nothing, name) for n, name in enumerate(STAGES)]
        return _Draws(*chosen)


STAGES = {"order": "scrambled", "blocks": "shuffled", "mask": "substituted", "channels": "swapped"}
"""Paper B's four stages: the draw that decides each, and the name of the picture after it."""


def _regions(height: int, width: int, block_size: int) -> list[_Region]:
    return [
        _Region(top, left, down, across, tall, wide)
        for (top, down, tall), (left, across, wide) in product(_spans(height, block_size), _spans(width, block_size))
    ]


def _spans(side: int, block_size: int) -> list[tuple[int, int, int]]:
    """Start, number and size of the whole blocks along a side, and of the rest."""
    count, rest = divmod(side, block_size)
    return [span for span in ((0, count, block_size), (side - rest, 1, rest)) if span[1] * span[2]]


def _compose(shape: tuple[int, int], regions: list[_Region], draws: list[_Draws]) -> Schedule:
    """Write all stages as one permutation and one mask."""
    samples = shape[0] * shape[1] * CHANNELS
    source, mask = np.empty(samples, np.int64), np.empty(samples, np.uint8)
    for region, draw in zip(regions, draws, strict=True):
        row, column = np.divmod(draw.blocks, region.across)
        corner = (region.top + row * region.tall) * shape[1] + region.left + column * region.wide
        inside = np.add.outer(np.arange(region.tall) * shape[1], np.arange(region.wide)).reshape(-1)
        moved = np.take(inside, draw.order[draw.blocks[:, None], draw.channels])  # (n, 3, p)
        origin = (corner[:, None, None] + moved) * CHANNELS + draw.channels[:, :, None]
        grid = (region.down, region.across, CHANNELS, region.tall, region.wide)
        region.view(source, shape)[:] = origin.reshape(grid).transpose(0, 3, 1, 4, 2)
        masks = np.take_along_axis(draw.mask, draw.channels, axis=1)
        region.view(mask, shape)[:] = masks.reshape(region.down, 1, region.across, 1, CHANNELS)
    return Schedule(source, mask)


class MultiStageCipher:
    """Scramble pictures with paper B's Algorithm 1.

    >>> cipher = MultiStageCipher(bytes(32), block_size=4)
    >>> picture = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    >>> bool((cipher.decrypt(cipher.encrypt(picture)) == picture).all())
    True
    """

    def __init__(self, key: bytes, block_size: int = 8, substitution: int = 255, policy: Policy = "shared") -> None:
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
        if not isinstance(block_size, (int, np.integer)) or not 1 <= block_size <= 64:
            raise CipherError(f"The block size must be a whole number from 1 to 64, got {block_size!r}.")
        if not isinstance(substitution, (int, np.integer)) or not 0 <= substitution <= 255:
            raise CipherError(f"The substitution range must be a whole number from 0 to 255, got {substitution!r}.")
        if policy not in ("shared", "fresh"):
            raise CipherError(f'The key policy must be "shared" or "fresh", got {policy!r}.')
        self.block_size, self.substitution, self.policy = int(block_size), int(substitution), policy
        self._shared: tuple[tuple[int, int], Schedule] | None = None
        self._only: bytes | None = None

    @classmethod
    def of_picture(cls, picture_key: bytes, block_size: int = 8, substitution: int = 255) -> Self:
        """Return a cipher that holds the key of one picture and opens no other.

        Under the shared policy all pictures have the same key, so it opens all of them.

        Args:
            picture_key: 32 bytes from :meth:`picture_key`.
            block_size: As the picture was encrypted.
            substitution: As the picture was encrypted.

        Raises:
            CipherError: if the key or a dial is out of range.

        Example:
            >>> owner = MultiStageCipher(bytes(32), block_size=2, policy="fresh")
            >>> user = MultiStageCipher.of_picture(owner.picture_key("a"), block_size=2)
            >>> picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
            >>> bool((user.decrypt(owner.encrypt(picture, "a")) == picture).all())
            True
        """
        cipher = cls(picture_key, block_size, substitution)
        cipher._only = cipher._key
        return cipher

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
            names = [None] * len(images) if ids is None else ids
            return np.stack([self.encrypt(image, name) for image, name in zip(images, names, strict=True)])
        rgb = images if images.ndim == 4 else np.repeat(images[..., None], CHANNELS, axis=-1)
        if not len(rgb):
            return rgb
        _as_rgb(rgb[0])
        schedule = self.schedule(rgb.shape[1], rgb.shape[2], None)
        return schedule.apply(rgb.reshape(len(rgb), -1)).reshape(rgb.shape)

    def stages(self, image: np.ndarray, image_id: ImageId | None = None) -> dict[str, np.ndarray]:
        """Compute every intermediate picture, in order.

        Returns:
            ``original``, ``scrambled``, ``shuffled``, ``substituted`` and ``swapped`` (what :meth:`encrypt`
            returns), each ``(H, W, 3)`` uint8.
        """
        image = _as_rgb(image)
        shape, regions, draws = self._draw(image.shape[0], image.shape[1], image_id)
        pictures = {"original": image}
        for number, name in enumerate(STAGES.values(), start=1):
            schedule = _compose(shape, regions, [draw.upto(number) for draw in draws])
            pictures[name] = schedule.apply(image.reshape(-1)).reshape(image.shape)
        return pictures

    def schedule(self, height: int, width: int, image_id: ImageId | None = None) -> Schedule:
        """The whole scheme as one permutation and one mask: what an attacker has to find.

        Raises:
            CipherError: if a fresh key lacks its identifier.
        """
        kept = self._shared  # read once: another thread may put another size in its place
        if self.policy == "shared" and kept and kept[0] == (height, width):
            return kept[1]
        schedule = _compose(*self._draw(height, width, image_id))
        if self.policy == "shared":
            self._shared = (height, width), schedule
        return schedule

    def picture_key(self, image_id: ImageId | None = None) -> bytes:
        """The 32-byte key of one picture, which its owner can hand over without the master key.

        Args:
            image_id: the picture's identifier; a number and its digits as text or bytes are one identifier.

        Raises:
            CipherError: if a fresh key lacks its identifier, or the identifier is empty or ends in a zero byte.
        """
        if self._only is not None:
            return self._only
        if self.policy == "shared":
            return derive_key(self._key, salt=b"", info=b"CXR Vault multi-stage shared")
        if image_id is None:
            raise CipherError("A fresh key per picture is derived from its identifier: pass image_id.")
        name = image_id if isinstance(image_id, bytes) else str(image_id).encode()
        # HMAC fills a short salt up with zeros, so these would share their key with others.
        if not name or name.endswith(b"\0"):
            raise CipherError("An identifier is not empty and does not end in a zero byte: name the picture otherwise.")
        return derive_key(self._key, salt=name, info=b"CXR Vault multi-stage fresh")

    def _draw(
        self, height: int, width: int, image_id: ImageId | None
    ) -> tuple[tuple[int, int], list[_Region], list[_Draws]]:
        stream = _Stream(self.picture_key(image_id))
        regions = _regions(height, width, self.block_size)
        draws = [
            _Draws.from_stream(stream, part.down * part.across, part.tall * part.wide, self.substitution)
            for part in regions
        ]
        return (height, width), regions, draws


def _as_rgb(image: np.ndarray) -> np.ndarray:
    """``(H, W)`` or ``(H, W, 3)`` uint8 to contiguous ``(H, W, 3)``, or an error that says what is wrong."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise CipherError(f"The multi-stage cipher takes uint8 pictures, got {found}: convert to 8 bits first.")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != CHANNELS) or 0 in image.shape:
        raise CipherError(f"The picture must be (H, W) or (H, W, 3), got shape {image.shape}: reshape it first.")
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], CHANNELS, axis=-1)
    return np.ascontiguousarray(rgb)
