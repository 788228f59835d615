"""What known and chosen pictures do to the schemes of paper A's Table 6.

Two of them do the same to every picture under one key: they move its samples and, one of them, XOR them. That is one
permutation and one mask, whatever chaos drew them, and pictures give both away. The third draws its stream from the
picture itself, so that what is learned from one picture says nothing of the next.
"""

import numpy as np

from engine.attacks.known_plaintext import chosen_samples, schedule_of
from engine.attacks.outcome import Adversary, AttackError
from engine.encryption import Schedule

KNOWN = Adversary(knows="A few pictures of this size and their encryptions under the same key.")
CHOSEN = Adversary(
    knows="Nothing to begin with.",
    asks="It has a few pictures of its own making encrypted under the same key.",
)


def planted(height: int, width: int) -> np.ndarray:
    """The pictures to have encrypted: black, then the number of every pixel, one byte a picture.

    Args:
        height: Of the pictures under attack.
        width: Of the pictures under attack.

    Returns:
        ``(K, H, W)`` uint8; K is 3 up to 65,536 pixels.
    """
    return chosen_samples(height * width).reshape(-1, height, width)


def read_planted(answers: np.ndarray) -> Schedule:
    """Read the key's whole effect off the encryptions of :func:`planted`.

    Args:
        answers: ``(K, H, W)`` uint8, in the same order.

    Returns:
        The schedule; where there is none, because every picture has a stream of its own, the best guess that is
        left: nothing moves, and the stream is what the black picture became.
    """
    samples = answers.reshape(len(answers), -1)
    try:
        return schedule_of(samples)
    except AttackError:
        return Schedule(np.arange(samples.shape[1]), samples[0])


def match_pixels(known: np.ndarray, seen: np.ndarray) -> Schedule:
    """Find permutation and mask from known pictures.

    What one picture differs from another by is moved and not masked, so that sorting the differences of both sides
    matches pixels; the mask follows. Where pixels are alike in all known pictures, one possibility is taken.

    Args:
        known: ``(K, H, W)`` uint8, K at least 2.
        seen: ``(K, H, W)`` uint8, their encryptions in the same order.
    """
    plain, sealed = known.reshape(len(known), -1), seen.reshape(len(seen), -1)
    source = np.empty(plain.shape[1], np.int64)
    source[_order(sealed)] = _order(plain)
    return Schedule(source, sealed[0] ^ plain[0][source])


def open_with(schedule: Schedule, sealed: np.ndarray) -> np.ndarray:
    """Open a gray picture ``(H, W)`` uint8."""
    return schedule.undo(sealed.reshape(-1)).reshape(sealed.shape)


def _order(samples: np.ndarray) -> np.ndarray:
    """Positions of the samples ``(K, N)`` sorted by their differences to the first row."""
    return np.lexsort((samples[1:] ^ samples[0])[::-1])
