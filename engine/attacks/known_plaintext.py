"""Undo the multi-stage cipher under a shared key, from pictures whose encryption is known.

Under one key the whole scheme is one permutation of samples and one XOR mask (``Schedule``). Whoever finds them
opens every picture of that size, past and future. The attack never looks for the key.
"""

import numpy as np

from engine.attacks.block_statistics import CHUNK, as_samples, block_samples, digests, xor_agreement
from engine.attacks.outcome import Adversary, AttackError
from engine.encryption import Schedule

KNOWN = Adversary(
    knows="A few pictures and their encryptions under the collection's key: its own case, a public data set.",
)
CHOSEN = Adversary(
    knows="Nothing to begin with.",
    asks="It has four pictures of its own making encrypted under the collection's key.",
)


def chosen_pictures(height: int, width: int) -> np.ndarray:
    """The pictures to have encrypted: a black one, then the number of every sample, one byte a picture.

    Args:
        height: of the pictures under attack.
        width: of the pictures under attack.

    Returns:
        ``(K, H, W, 3)`` uint8; K is 4 up to 16.7 million samples, 3 up to 65,536, 2 up to 256.
    """
    return chosen_samples(height * width * 3).reshape(-1, height, width, 3)


def chosen_samples(count: int) -> np.ndarray:
    """Return zeros, then the number of every sample, one byte a row: ``(K, count)`` uint8.

    >>> chosen_samples(300)[:, -1].tolist()
    [0, 43, 1]
    """
    numbers = np.arange(count)
    size = max(1, -(-int(numbers[-1]).bit_length() // 8))
    digits = [(numbers >> 8 * place) & 0xFF for place in range(size)]
    return np.stack([np.zeros_like(numbers), *digits]).astype(np.uint8)


def read_schedule(answers: np.ndarray) -> Schedule:
    """Read the key's whole effect off the encryptions of :func:`chosen_pictures`.

    Args:
        answers: ``(K, H, W, 3)`` uint8, in the same order.

    Raises:
        AttackError: if the answers are not encryptions of those pictures under one key.
    """
    return schedule_of(as_samples(answers))


def schedule_of(samples: np.ndarray) -> Schedule:
    """Read a permutation and a mask off what became of :func:`chosen_samples`.

    Args:
        samples: ``(K, N)`` uint8, in the same order.

    Raises:
        AttackError: if they are not those samples, moved and XORed alike.
    """
    mask = samples[0]
    digits = (samples[1:] ^ mask).astype(np.int64)
    source = sum(digit << 8 * place for place, digit in enumerate(digits))
    if not np.array_equal(np.sort(source), np.arange(mask.size)):
        raise AttackError("The answers do not come from one shared key: the attack needs the same key for all of them.")
    return Schedule(source, mask)


def recover_schedule(plain: np.ndarray, encrypted: np.ndarray, block_size: int) -> Schedule:
    """Find what the key does, as far as known pictures tell.

    Three steps, each a sorted list beside a sorted list: match blocks by what the cipher cannot change about them,
    find the mask of each, then match samples within a block by their values in all known pictures. Where
    known pictures are alike in two places, one of the possibilities is taken.

    Args:
        plain: ``(K, H, W)`` or ``(K, H, W, 3)`` uint8, K at least 1.
        encrypted: ``(K, H, W, 3)`` uint8, their encryptions in the same order.
        block_size: of the cipher.

    Returns:
        A schedule whose ``undo`` opens other pictures, right where the known pictures decide.
    """
    known, seen = as_samples(plain), as_samples(encrypted)
    source, mask = np.empty(known.shape[1], np.int64), np.empty(known.shape[1], np.uint8)
    for group in block_samples(encrypted.shape[1], encrypted.shape[2], block_size):
        origin = _match_blocks(known[:, group], seen[:, group])
        masks = _find_masks(known[:, group[origin]], seen[:, group])
        before = _sorted_within(known[:, group[origin]])
        after = _sorted_within(seen[:, group] ^ masks[:, None])
        moved = np.take_along_axis(group[origin], before, axis=1)
        source[np.take_along_axis(group, after, axis=1)] = moved
        mask[group] = masks[:, None]
    return Schedule(source, mask)


def open_with(schedule: Schedule, encrypted: np.ndarray) -> np.ndarray:
    """Open a gray picture, the middle one of its three channels: ``(H, W, 3)`` uint8 to ``(H, W)``."""
    return np.median(schedule.undo(encrypted.reshape(-1)).reshape(encrypted.shape), axis=2).astype(np.uint8)


def _match_blocks(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """For each block seen, which known block it comes from: ``(n,)`` int64."""
    origin = np.empty(known.shape[1], np.int64)
    origin[np.argsort(digests(seen), kind="stable")] = np.argsort(digests(known), kind="stable")
    return origin


def _find_masks(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The mask that makes the values of each pair of blocks ``(K, n, p)`` agree best: ``(n,)`` uint8."""
    masks = np.empty(known.shape[1], np.uint8)
    for start in range(0, len(masks), CHUNK):
        part = slice(start, start + CHUNK)
        masks[part] = _vote(known[:, part], seen[:, part])
    return masks


def _vote(known: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Let one picture after the other vote on the masks that are still undecided."""
    votes = np.zeros((known.shape[1], 256), np.float32)
    undecided = np.arange(len(votes))
    for before, after in zip(known, seen, strict=True):
        votes[undecided] += xor_agreement(before[undecided], after[undecided])
        best = votes[undecided].max(axis=1, keepdims=True)
        undecided = undecided[(votes[undecided] == best).sum(axis=1) > 1]
        if not undecided.size:
            break
    return votes.argmax(axis=1).astype(np.uint8)


def _sorted_within(blocks: np.ndarray) -> np.ndarray:
    """Order the samples of each block ``(K, n, p)`` by their values in all pictures: ``(n, p)`` positions."""
    return np.lexsort(blocks[::-1], axis=-1)
