"""Packed binary codes and the Hamming distances between them.

A code of ``bits`` bits travels as ``bits // 8`` bytes in big-endian bit order (``numpy.packbits``), so
bit 0 of a code is the highest bit of its first byte. Everything that stores, masks, searches or
evaluates codes uses this form.
"""

import numpy as np
import numpy.typing as npt

WORD_BYTES = 8
ROWS = 32  # codes compared at a time


def pack_bits(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Pack one boolean per bit into bytes.

    Only real bits are taken: thresholding a network's output is the caller's decision, so that a
    ``sign(0)`` can never become half a bit.

    Args:
        bits: ``(N, bits)`` bool, ``bits`` a multiple of 8.

    Returns:
        ``(N, bits // 8)`` uint8, big-endian bit order.

    Raises:
        TypeError: ``bits`` is not boolean.
        ValueError: ``bits`` is not a matrix, or its width is no multiple of 8.

    Example:
        >>> pack_bits(np.array([[True] + [False] * 7, [False] * 7 + [True]])).tolist()
        [[128], [1]]
    """
    bits = np.asarray(bits)
    if bits.dtype != np.bool_:
        raise TypeError(f"bits must be boolean, not {bits.dtype}; threshold them first, for example outputs > 0")
    if bits.ndim != 2 or bits.shape[1] % 8:
        raise ValueError(f"bits must have shape (N, multiple of 8), not {bits.shape}")
    return np.packbits(bits, axis=1)


def unpack_bits(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Undo :func:`pack_bits`.

    Args:
        codes: ``(N, bits // 8)`` uint8.

    Returns:
        ``(N, bits)`` bool.

    Raises:
        TypeError: ``codes`` is not uint8.
        ValueError: ``codes`` is not a matrix.

    Example:
        >>> unpack_bits(np.array([[0b10100000]], np.uint8)).astype(int).tolist()
        [[1, 0, 1, 0, 0, 0, 0, 0]]
    """
    return np.unpackbits(check_codes(codes), axis=1).view(np.bool_)


def hamming_distances(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Hamming distance of every code of ``first`` to every code of ``second``.

    Args:
        first: ``(N, bits // 8)`` uint8.
        second: ``(M, bits // 8)`` uint8.

    Returns:
        ``(N, M)`` uint16: the number of differing bits.

    Raises:
        TypeError: a code array is not uint8.
        ValueError: the two hold codes of different lengths.

    Example:
        >>> query, gallery = np.array([[0b1100]], np.uint8), np.array([[0b1010], [0b1100]], np.uint8)
        >>> hamming_distances(query, gallery).tolist()
        [[2, 0]]
    """
    first, second = check_codes(first), check_codes(second)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"codes of {8 * first.shape[1]} and {8 * second.shape[1]} bits cannot be compared")
    left, right = _as_words(first), np.ascontiguousarray(_as_words(second).T)
    distances = np.zeros((len(first), len(second)), np.uint16)
    # A few rows at a time: what is counted stays in the processor's cache.
    for start in range(0, len(left), ROWS):
        part = distances[start : start + ROWS]
        for own, other in zip(left[start : start + ROWS].T, right, strict=True):
            part += np.bitwise_count(own[:, None] ^ other)
    return distances


def pad_codes(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Append zero bytes up to whole 64-bit words, which leaves every Hamming distance as it was.

    Args:
        codes: ``(N, bits // 8)`` uint8.

    Returns:
        ``(N, B)`` uint8, C-contiguous, ``B`` the next multiple of 8.

    Example:
        >>> pad_codes(np.ones((1, 6), np.uint8)).tolist()
        [[1, 1, 1, 1, 1, 1, 0, 0]]
    """
    missing = -codes.shape[1] % WORD_BYTES
    return np.ascontiguousarray(np.pad(codes, ((0, 0), (0, missing))))


def check_codes(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return ``codes`` if it is a matrix of packed codes, ``(N, bits // 8)`` uint8.

    Raises:
        TypeError: ``codes`` is not uint8.
        ValueError: ``codes`` is not a matrix.
    """
    codes = np.asarray(codes)
    if codes.dtype != np.uint8:
        raise TypeError(f"packed codes must be uint8, not {codes.dtype}; see pack_bits")
    if codes.ndim != 2:
        raise ValueError(f"packed codes must have shape (N, bits // 8), not {codes.shape}")
    return codes


def _as_words(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    return pad_codes(codes).view(np.uint64)
