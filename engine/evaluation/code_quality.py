"""What codes keep besides the label: how many values they take, how even their bits are, whose order they keep."""

import numpy as np
import numpy.typing as npt

from engine.evaluation.distances import pairwise_distances
from engine.evaluation.ranking import Floats, Matrix
from engine.hashing.codes import unpack_bits

Codes = npt.NDArray[np.uint8]


def distinct_codes(codes: Codes) -> int:
    """Count different codes.

    Args:
        codes: ``(N, bits // 8)`` uint8 packed codes.

    Returns:
        The number, 1 to N.

    Example:
        >>> distinct_codes(np.array([[1], [2], [1]], np.uint8))
        2
    """
    return len(np.unique(codes, axis=0))


def bit_entropy(codes: Codes) -> Floats:
    """Return Shannon's entropy of every bit over a collection.

    ``H = -p log2 p - (1 - p) log2(1 - p)`` for the share p of codes that have the bit set: 1 for a bit that halves the
    collection, 0 for one that is the same everywhere.

    Args:
        codes: ``(N, bits // 8)`` uint8 packed codes.

    Returns:
        ``(bits,)`` float64 in bits.

    Example:
        >>> bit_entropy(np.array([[0b10000000], [0b00000000]], np.uint8)).tolist()
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    set_share = unpack_bits(codes).mean(axis=0)
    entropy = np.zeros_like(set_share, dtype=np.float64)
    for share in (set_share, 1 - set_share):
        entropy -= share * np.log2(np.where(share > 0, share, 1.0))
    return np.abs(entropy)


def order_agreement(codes: Codes, features: Matrix, left_out: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Compare, for every picture, the order of all others by code with their order by feature.

    Kendall's tau-b: 1 for the same order, 0 for none; pairs that tie in Hamming distance count for neither side
    (Kendall 1945).

    Args:
        codes: ``(N, bits // 8)`` uint8 packed codes.
        features: ``(N, D)`` float features of the same pictures.
        left_out: ``(N, N)`` bool, items that are not in a picture's gallery besides itself; None for none.

    Returns:
        ``(N,)`` float64 in -1..1; not a number where all others are equally far.

    Raises:
        ValueError: Codes and features of different pictures, or fewer than three pictures.

    Example:
        >>> codes = np.array([[0], [1], [3], [7]], np.uint8)
        >>> order_agreement(codes, np.array([[0.0], [1.0], [2.0], [3.0]]))[0].round(6)
        np.float64(1.0)
    """
    from scipy.stats import kendalltau

    if len(codes) != len(features) or len(codes) < 3:
        raise ValueError(f"an order needs three pictures or more, each with both: {len(codes)} and {len(features)}")
    by_code, by_feature = pairwise_distances(codes, codes), pairwise_distances(features, features)
    held = ~np.eye(len(codes), dtype=bool)
    if left_out is not None:
        held &= ~left_out
    return np.array(
        [kendalltau(a[kept], b[kept]).statistic for a, b, kept in zip(by_code, by_feature, held, strict=True)]
    )
