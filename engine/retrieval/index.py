"""Exact nearest-neighbour search among packed binary codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import index as whole
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.hashing.codes import WORD_BYTES, check_codes, pad_codes

# Up to here faiss's counting search is faster than its heap; beyond, its tables would not fit the memory.
MAX_COUNTED = 1000
TIES = 128


class HammingIndex:
    """All codes in memory, searched exhaustively by faiss.

    Equal distances are ordered by position, so the same codes always give the same answer.

    Example:
        >>> index = HammingIndex(8).add(np.array([[0b1111], [0b0001], [0b0010]], np.uint8))
        >>> distances, positions = index.search(np.zeros((1, 1), np.uint8), k=2)
        >>> distances.tolist(), positions.tolist()
        ([[1, 1]], [[1, 2]])
        >>> index.within(np.zeros(1, np.uint8), radius=1).tolist()
        [1, 2]
    """

    def __init__(self, bits: int) -> None:
        """Make an empty index.

        Args:
            bits: length of the codes, a positive multiple of 8.

        Raises:
            ValueError: ``bits`` is no positive multiple of 8.
        """
        # faiss takes no NumPy numbers.
        self.bits = whole(bits)
        if self.bits < 8 or self.bits % 8:
            raise ValueError(f"codes have a positive multiple of 8 bits, not {bits}")
        self._index = _flat_index(self.bits)

    def __len__(self) -> int:
        """Number of codes held."""
        return int(self._index.ntotal)

    def add(self, codes: npt.NDArray[np.uint8]) -> "HammingIndex":
        """Append codes; the first gets position ``len(self)``.

        Args:
            codes: ``(N, bits // 8)`` uint8.

        Returns:
            The index itself.

        Raises:
            TypeError: ``codes`` is not uint8.
            ValueError: codes of another length.
        """
        self._index.add(self._padded(codes))
        return self

    def search(self, codes: npt.NDArray[np.uint8], k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ``k`` nearest codes of each query, by distance and then by position.

        Args:
            codes: ``(Q, bits // 8)`` uint8.
            k: how many, at least 1; all of them when the index holds fewer.

        Returns:
            distances ``(Q, min(k, N))`` int32 in bits, and positions of the same shape, int64.

        Raises:
            TypeError: ``codes`` is not uint8.
            ValueError: codes of another length, or ``k`` below 1.
        """
        queries = self._padded(codes)
        if k < 1:
            raise ValueError(f"a search returns at least 1 neighbour, not {k}")
        k = min(whole(k), len(self))
        if k == 0:
            return np.empty((len(queries), 0), np.int32), np.empty((len(queries), 0), np.int64)
        self._index.use_heap = k > MAX_COUNTED
        with _threads(len(queries)):
            return self._index.search(queries, k)

    def codes(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.uint8]:
        """A copy of codes by position, ``(N, bits // 8)`` uint8: all, or those from ``start`` to before ``stop``."""
        import faiss

        width = self._index.code_size
        if len(self) == 0:
            return np.empty((0, self.bits // 8), np.uint8)
        held = faiss.rev_swig_ptr(self._index.xb.data(), len(self) * width).reshape(len(self), width)
        return held[start:stop, : self.bits // 8].copy()

    def as_near(self, code: npt.NDArray[np.uint8], k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The ``k`` nearest codes and all others that lie as near as the last of them.

        Args:
            code: ``(bits // 8,)`` uint8, one query.
            k: how many, at least 1.

        Returns:
            distances ``(M,)`` int32 in bits and positions ``(M,)`` int64, by distance and then by position.

        Raises:
            TypeError: ``code`` is not uint8.
            ValueError: not one code of the right length, or ``k`` below 1.
        """
        if k < 1:
            raise ValueError(f"a search returns at least 1 neighbour, not {k}")
        # A few more cost nothing, and mostly show where the last distance ends: the ball is a second look at all codes.
        some = max(k + 1, min(k + TIES, MAX_COUNTED))
        distances, positions = (row[0] for row in self.search(np.reshape(code, (1, -1)), some))
        if len(distances) <= k:
            return distances, positions
        if len(distances) == len(self) or distances[-1] > distances[k - 1]:
            end = np.searchsorted(distances, distances[k - 1], side="right")
            return distances[:end], positions[:end]
        return self._ball(code, int(distances[k - 1]))

    def within(self, code: npt.NDArray[np.uint8], radius: int) -> npt.NDArray[np.int64]:
        """Positions of all codes at most ``radius`` bits away, by distance and then by position.

        Args:
            code: ``(bits // 8,)`` uint8, one query.
            radius: largest distance, at least 0.

        Returns:
            ``(M,)`` int64.

        Raises:
            TypeError: ``code`` is not uint8.
            ValueError: not one code of the right length, or ``radius`` below 0.
        """
        if radius < 0:
            raise ValueError(f"a ball has a radius of at least 0, not {radius}")
        return self._ball(code, radius)[1]

    def _ball(self, code: npt.NDArray[np.uint8], radius: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        query = self._padded(np.reshape(code, (1, -1)))
        # faiss's radius is exclusive.
        with _threads(1):
            _, distances, positions = self._index.range_search(query, min(whole(radius), self.bits) + 1)
        # Two stable radix sorts: large balls of equal codes are common.
        by_position = np.argsort(positions, kind="stable") if (np.diff(positions) < 0).any() else slice(None)
        distances, positions = distances[by_position].astype(np.int32), positions[by_position]
        by_distance = np.argsort(distances.astype(np.uint16), kind="stable")
        return distances[by_distance], positions[by_distance]

    def _padded(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        codes = check_codes(codes)
        if codes.shape[1] * 8 != self.bits:
            raise ValueError(f"this index holds {self.bits}-bit codes, not {codes.shape[1] * 8}-bit ones")
        return pad_codes(codes)


def _flat_index(bits: int) -> Any:
    import faiss

    # Whole 64-bit words: faiss has a fast distance for them, and a slow general one for 6 bytes.
    width = -(-bits // (8 * WORD_BYTES)) * 8 * WORD_BYTES
    return faiss.IndexBinaryFlat(width)


@contextmanager
def _threads(queries: int) -> Iterator[None]:
    """Let faiss use no more threads than queries.

    It shares out nothing else, and threads that wait for each other on a busy machine cost many times
    what the search does.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(min(before, max(queries, 1)))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
