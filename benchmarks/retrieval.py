"""Search a million 48-bit codes: the faiss index against numpy's population count, in one interleaved run."""

import statistics
import time

import numpy as np

from engine.retrieval import HammingIndex

CODES, BITS, K, ROUNDS = 1_000_000, 48, 10, 15


def numpy_search(words, query, k):
    """The k nearest by distance and position, as the index promises, from one pass over the codes."""
    distances = np.bitwise_count(words ^ query)
    # Distance and position in one number: one partition orders by both.
    keys = distances.astype(np.int64) * len(words) + np.arange(len(words))
    nearest = np.sort(np.partition(keys, k)[:k])
    return nearest // len(words), nearest % len(words)


def numpy_search_any_order(words, query, k):
    """The k nearest with ties in any order: the least work that numpy can do."""
    distances = np.bitwise_count(words ^ query)
    nearest = np.argpartition(distances, k)[:k]
    return np.sort(distances[nearest]), nearest


def milliseconds(search, *arguments):
    start = time.perf_counter()
    answer = search(*arguments)
    return 1000 * (time.perf_counter() - start), answer


def main():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (CODES, BITS // 8), dtype=np.uint8)
    words = np.pad(codes, ((0, 0), (0, 2))).view(np.uint64)[:, 0]
    index = HammingIndex(BITS).add(codes)
    times = {"faiss": [], "numpy, same order": [], "numpy, any order": []}
    for query in rng.integers(0, 256, (ROUNDS, BITS // 8), dtype=np.uint8):
        word = np.pad(query, (0, 2)).view(np.uint64)[0]
        ours, (distances, positions) = milliseconds(index.search, query[None], K)
        exact, (peer_distances, peer_positions) = milliseconds(numpy_search, words, word, K)
        loose, (loose_distances, _) = milliseconds(numpy_search_any_order, words, word, K)
        assert distances[0].tolist() == peer_distances.tolist() == loose_distances.tolist()
        assert positions[0].tolist() == peer_positions.tolist()
        for name, spent in zip(times, (ours, exact, loose), strict=True):
            times[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    print(f"top {K} of {CODES:,} {BITS}-bit codes, one query, median of {ROUNDS}")
    for name, spent in medians.items():
        print(f"  {name:18} {spent:7.2f} ms   {spent / medians['faiss']:5.1f} x faiss")


if __name__ == "__main__":
    main()
