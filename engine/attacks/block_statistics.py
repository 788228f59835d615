"""What the multi-stage cipher cannot hide: facts about a block that survive its shuffle and its XOR mask.

Paper B's cipher moves the values of a block within it, moves the block, and XORs each channel with one value.
None of that changes how many values of the block share a bit, or which XOR differences occur. So these
facts can be read off the encrypted picture, under any key.
"""

from functools import cache

import numpy as np

from engine.attacks.outcome import AttackError
from engine.hashing.codes import pad_codes

CHANNELS = 3
QUANTILES = 32
LEVEL_BINS = 32
FEW = 64  # values whose signs add up within a signed byte
CHUNK = 4096  # blocks treated at once: bounds memory
_BITS = np.arange(7, -1, -1, dtype=np.uint64)[:, None]  # the highest first
_LOWEST = np.uint64(0x0101010101010101)


def as_samples(pictures: np.ndarray) -> np.ndarray:
    """Flatten pictures as the cipher numbers their samples; gray ones get three equal channels.

    Args:
        pictures: ``(K, H, W)`` or ``(K, H, W, 3)`` uint8.

    Returns:
        ``(K, H * W * 3)`` uint8.

    Raises:
        AttackError: any other shape or dtype.
    """
    if pictures.dtype != np.uint8 or pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[3] != 3):
        raise AttackError(
            f"The attack reads uint8 pictures of one size, not {pictures.dtype} of shape {pictures.shape}: stack them."
        )
    rgb = pictures if pictures.ndim == 4 else np.repeat(pictures[..., None], CHANNELS, axis=-1)
    return rgb.reshape(len(rgb), -1)


def block_samples(height: int, width: int, block_size: int) -> list[np.ndarray]:
    """Number the samples of every channel of every block.

    Args:
        height: of the picture.
        width: of the picture.
        block_size: side of a block; at the right and bottom edges blocks are cut.

    Returns:
        One ``(n, p)`` int64 array for each size of block, at most four: n channels of blocks, p samples each.

    >>> block_samples(2, 3, 2)[1].tolist()
    [[6, 15], [7, 16], [8, 17]]
    """
    numbers = np.arange(height * width * CHANNELS).reshape(height, width, CHANNELS)
    groups = []
    for rows in np.split(numbers, [height // block_size * block_size], axis=0):
        for part in np.split(rows, [width // block_size * block_size], axis=1):
            if part.size:
                tall, wide = min(block_size, part.shape[0]), min(block_size, part.shape[1])
                tiles = part.reshape(part.shape[0] // tall, tall, part.shape[1] // wide, wide, CHANNELS)
                groups.append(tiles.transpose(0, 2, 4, 1, 3).reshape(-1, tall * wide))
    return groups


def spectra(blocks: np.ndarray) -> np.ndarray:
    """Walsh-Hadamard transform of each block's histogram.

    An XOR mask translates the histogram, which only changes signs here: absolute values do not depend on the mask, and
    the product of two spectra is the spectrum of their XOR correlation.

    Args:
        blocks: ``(n, p)`` uint8.

    Returns:
        ``(n, 256)`` float32 whole numbers.

    >>> block = np.array([[1, 2, 2, 7]], np.uint8)
    >>> bool((abs(spectra(block)) == abs(spectra(block ^ 0x5A))).all())
    True
    """
    if blocks.shape[1] <= FEW:
        return _added_rows(blocks)
    rows = np.arange(len(blocks))[:, None] * 256 + blocks
    histograms = np.bincount(rows.reshape(-1), minlength=256 * len(blocks)).reshape(-1, 256)
    return histograms.astype(np.float32) @ walsh_hadamard()


def _added_rows(blocks: np.ndarray) -> np.ndarray:
    """The same for few values a block, quicker: the matrix's rows of these values, added up in bytes."""
    matrix = walsh_hadamard().astype(np.int8)
    total = matrix.take(blocks[:, 0], axis=0)
    for values in blocks.T[1:]:
        total += matrix.take(values, axis=0)
    return total.astype(np.float32)


def xor_agreement(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Count, for each XOR mask, the pairs of a known and a seen value of a block that it makes equal.

    Args:
        known: ``(n, p)`` uint8.
        seen: ``(n, p)`` uint8, the same blocks shuffled and masked.

    Returns:
        ``(n, 256)`` float32; the largest stands at the true mask, perhaps not alone.

    >>> xor_agreement(np.array([[1, 2, 2]], np.uint8), np.array([[10, 9, 10]], np.uint8)).argmax()
    np.int64(8)
    """
    return (spectra(known) * spectra(seen)) @ walsh_hadamard() / 256


@cache
def walsh_hadamard() -> np.ndarray:
    """Return the ``(256, 256)`` float32 matrix of 1 and -1 that turns XOR convolutions into products; read only."""
    levels = np.arange(256, dtype=np.uint8)
    matrix = 1 - 2 * (np.bitwise_count(levels[:, None] & levels) % 2).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def digests(blocks: np.ndarray) -> np.ndarray:
    """Name blocks so that a block keeps its name when its values are shuffled and masked.

    Args:
        blocks: ``(K, n, p)`` uint8: the same n blocks of K pictures under one key.

    Returns:
        ``(n,)`` uint64; equal for equal blocks, and else different but for hash collisions.
    """
    rng = np.random.default_rng(0)
    weights = rng.integers(1 << 62, size=256, dtype=np.uint64)
    multipliers = rng.integers(1 << 62, size=len(blocks), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    names = np.zeros(blocks.shape[1], np.uint64)
    # The spectrum of a single value says nothing.
    for start in range(0, len(names) if blocks.shape[2] > 1 else 0, CHUNK):
        part = slice(start, start + CHUNK)
        names[part] = np.abs(spectra(blocks[0, part])).astype(np.uint64) @ weights
    differences = blocks ^ blocks[0]
    joint = sum(row * factor for row, factor in zip(differences.astype(np.uint64), multipliers, strict=True))
    return names + _scatter(joint).sum(axis=1, dtype=np.uint64)


def _scatter(values: np.ndarray) -> np.ndarray:
    """Mix 64 bits (splitmix64), so that sums tell multisets apart."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def features(encrypted: np.ndarray, block_size: int) -> np.ndarray:
    """Describe an encrypted picture by numbers that a fresh key does not change, for a classifier.

    For each of the eight bits: how evenly it is spread within a block, as quantiles over all blocks. Then the
    histogram of the whole picture, which says something where masks are not drawn from all 256 values.

    Args:
        encrypted: ``(H, W, 3)`` uint8.
        block_size: of the cipher.

    Returns:
        ``(8 * 32 + 32,)`` float64, whatever the size of the picture.
    """
    samples = as_samples(encrypted[None])[0]
    groups = block_samples(encrypted.shape[0], encrypted.shape[1], block_size)
    spread = np.concatenate([_bit_spread(samples[group]) for group in groups])
    ranks = np.linspace(0, len(spread) - 1, QUANTILES).round().astype(int)
    levels = np.bincount(samples >> 3, minlength=LEVEL_BINS) / samples.size
    return np.concatenate([np.sort(spread, axis=0)[ranks].T.reshape(-1), np.log(levels + 1e-4)])


def _bit_spread(blocks: np.ndarray) -> np.ndarray:
    """``(n, p)`` uint8 to ``(n, 8)``: the rarer value's share of each bit, 0 (all alike) to 1 (half and half)."""
    count = blocks.shape[1]
    if count == 1:
        return np.zeros((len(blocks), 8))
    # Eight values a word, zeros after the last: a bit of all eight is counted at once.
    words = pad_codes(blocks).view(np.uint64)
    planes = words[..., None, :] >> _BITS & _LOWEST
    ones = np.bitwise_count(planes).sum(axis=-1, dtype=np.int64)
    return 2 * np.minimum(ones, count - ones) / count


def flat_map(encrypted: np.ndarray, block_size: int) -> np.ndarray:
    """Draw where the server sees flat blocks.

    Args:
        encrypted: ``(H, W, 3)`` uint8.
        block_size: of the cipher.

    Returns:
        ``(H, W)`` float64, for each pixel how much its block varies: 0 for a flat block, 1 for the liveliest.
    """
    samples = as_samples(encrypted[None])[0]
    activity = np.empty(samples.size)
    for group in block_samples(encrypted.shape[0], encrypted.shape[1], block_size):
        activity[group] = _bit_spread(samples[group]).mean(axis=1, keepdims=True)
    return activity.reshape(encrypted.shape).mean(axis=2)
