"""What is left of three ways to make codes tell less: other masks, decoys among the rows, coarser distances.

Each way is attacked by whoever it is meant for: a server that a user has told its mask, a server that looks at its
rows, a user that asks to learn codes that nobody released to it.
"""

import numpy as np
import numpy.typing as npt

from engine.attacks.outcome import Adversary
from engine.hashing.codes import pack_bits, unpack_bits
from engine.retrieval import CodeMask

TOLD = Adversary(knows="All codes under the mask that one user was lent and told, and the same codes under another.")
PADDED = Adversary(
    knows="All rows, of which it cannot tell which are decoys, and the diagnosis of one picture a class."
)
ASKING = Adversary(
    knows="Nothing but the mask that it was lent.", asks="A user has the server name distances to codes of its choice."
)


def recover_doubtful(plain: npt.NDArray[np.uint8], masked: npt.NDArray[np.uint8]) -> CodeMask:
    """Find the mask from codes known in both forms, some of them in wrong pairs.

    Each masked bit is taken for the plain bit with which it agrees, or disagrees, most often; all bits at once, by the
    assignment of the greatest sum (Hungarian method).

    Args:
        plain: ``(K, bits // 8)`` uint8.
        masked: ``(K, bits // 8)`` uint8, in the same order as far as is known.

    Example:
        >>> codes = np.random.default_rng(0).integers(0, 256, (40, 2), np.uint8)
        >>> mask = CodeMask.derive(bytes(32), salt=b"s", bits=16)
        >>> found = recover_doubtful(codes, mask.apply(codes))
        >>> bool((found.remove(mask.apply(codes)) == codes).all())
        True
    """
    from scipy.optimize import linear_sum_assignment

    before, after = (unpack_bits(codes) * 2.0 - 1 for codes in (plain, masked))
    agreement = after.T @ before
    _, origin = linear_sum_assignment(-np.abs(agreement))
    return CodeMask(permutation=origin, flips=agreement[np.arange(len(origin)), origin] < 0)


def codes_from_distances(questions: npt.NDArray[np.uint8], distances: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Work codes out from how far questions lie from them: a distance is linear in the bits (least squares).

    Args:
        questions: ``(Q, bits // 8)`` uint8, chosen at random.
        distances: ``(Q, N)``, rounded or not, or whatever grows with them, as ranks do.

    Returns:
        ``(N, bits // 8)`` uint8, exact where distances are and questions are as many as bits, and independent.

    Example:
        >>> asked, codes = np.random.default_rng(0).integers(0, 256, (40, 2), np.uint8), np.array([[5, 9]], np.uint8)
        >>> far = np.bitwise_count(asked[:, None] ^ codes).sum(-1).astype(float)
        >>> codes_from_distances(asked, far).tolist()
        [[5, 9]]
    """
    signs = unpack_bits(questions) * 2.0 - 1
    design = np.column_stack([signs, np.ones(len(signs))])
    solved = np.linalg.lstsq(design, distances, rcond=None)[0][:-1]
    return pack_bits(solved.T < 0)


def random_decoys(codes: npt.NDArray[np.uint8], count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw decoys of random bits: ``(count, bits // 8)`` uint8."""
    return rng.integers(0, 256, (count, codes.shape[1]), np.uint8)


def crossed_decoys(codes: npt.NDArray[np.uint8], count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw decoys each bit of which is that of one of two real codes: ``(count, bits // 8)`` uint8.

    Each bit is as often set as in real codes, and decoys fill the space between their groups.
    """
    one, other = (codes[rng.integers(0, len(codes), count)] for _ in range(2))
    which = rng.integers(0, 256, one.shape, np.uint8)
    return (one & which) | (other & ~which)
