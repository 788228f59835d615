"""Does search hold as a gallery grows to 100,000? A stored picture must come back first, and its likest be near it.

The real pictures are those that no network was trained on, of all sources. There are not so many public X-rays, so the
gallery is filled up with pictures that could be: each between two real ones that are much alike, every bit of its code,
and every value of its descriptor, taken from one of the two by a coin. So added rows crowd where real ones lie, and no
value occurs that no picture has.

What is asked: the server knows masked codes alone, or masked sketches as well (``engine.retrieval.sketches``); and the
user puts what is equally near in order, or all that the server named.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import load_dataset
from engine.evaluation.bootstrap import interval
from engine.hashing.codes import pack_bits, unpack_bits
from engine.hashing.descriptors import likeness
from engine.retrieval.index import HammingIndex
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.server import MOST_NEIGHBOURS
from engine.retrieval.sketches import sketches_of

RESULT = "crowd"
METHOD = "matdh"
COLLECTION = "cxr-open"
BITS = 48
SIZES = (10_000, 100_000)
QUERIES, K, NEAR, BATCH = 200, 10, 5, 32
# What orders rows: nothing beyond their codes; sketches at the server and likeness at the user, among equal codes; and
# likeness alone, among as many rows as a server names.
PROTOCOLS = ("codes", "sketches", "likeness")

Arrays = Mapping[str, npt.NDArray[Any]]
Codes = npt.NDArray[np.uint8]
Descriptors = npt.NDArray[np.int8]


def measure_crowd(progress: Callable[[int, int], None]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Hash the joined collection's test and validation pictures, and search galleries that grow around them.

    Args:
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data, and the arrays that :func:`report_crowd` makes its figures of.

    Raises:
        DataError: The pictures are not on this machine.
    """
    from engine.hashing.hasher import Hasher

    dataset, hasher = load_dataset(COLLECTION), Hasher.load(BITS, METHOD)
    unseen = [position for position, record in enumerate(dataset.records) if record.split != "train"]
    described = []
    for start in range(0, len(unseen), BATCH):
        described.append(hasher.describe([dataset.load(position) for position in unseen[start : start + BATCH]]))
        progress(min(start + BATCH, len(unseen)), len(unseen))
    codes, descriptors = (np.concatenate(column) for column in zip(*described, strict=True))
    test = np.array([dataset.records[position].split == "test" for position in unseen])
    arrays = {"codes": codes, "descriptors": descriptors, "test": test}
    result = {
        "method": METHOD,
        "protocol": f"{len(unseen)} test and validation pictures of {COLLECTION}, filled up between each and one of "
        f"its {NEAR} likest; {QUERIES} stored test pictures ask; {BITS} bits; first: the picture itself; likest: the "
        f"row most like it, among the first {K}",
        "provenance": provenance(dataset, METHOD),
        "sizes": report_crowd(arrays),
    }
    return result, arrays


def report_crowd(arrays: Arrays, sizes: tuple[int, ...] = SIZES, queries: int = QUERIES) -> dict[str, Any]:
    """Search galleries of several sizes, from stored codes and descriptors.

    Args:
        arrays: ``codes`` ``(N, bits // 8)`` uint8, ``descriptors`` ``(N, 64)`` int8, ``test`` ``(N,)`` bool: who asks.
        sizes: Of the galleries besides the real one.
        queries: How many pictures ask.

    Returns:
        For each size, as text, ``distinct`` codes and for each of ``PROTOCOLS`` the shares ``first`` and ``likest``
        with their intervals.
    """
    codes, descriptors = arrays["codes"], arrays["descriptors"]
    rng = np.random.default_rng(0)
    asking = rng.permutation(np.flatnonzero(arrays["test"]))[:queries]
    rows = {}
    for size in (len(codes), *sizes):
        # Real pictures come last: a server that names the oldest of equal rows must not find them by their age.
        gallery = [
            np.concatenate(pair) for pair in zip(filled(codes, descriptors, size), (codes, descriptors), strict=True)
        ]
        rows[str(size)] = _search(gallery[0], gallery[1], size - len(codes) + asking)
    return rows


def filled(codes: Codes, descriptors: Descriptors, size: int) -> tuple[Codes, Descriptors]:
    """Return what fills a gallery up: rows between pictures that are much alike.

    Args:
        codes: ``(N, bits // 8)`` uint8 of the real pictures.
        descriptors: ``(N, 64)`` int8 of them.
        size: Of the whole gallery, at least N.

    Returns:
        ``(size - N, bits // 8)`` uint8 and ``(size - N, 64)`` int8.

    Example:
        >>> made, _ = filled(np.zeros((9, 2), np.uint8), np.ones((9, 64), np.int8), 12)
        >>> made.shape, int(made.max())
        ((3, 2), 0)
    """
    rng = np.random.default_rng(1)
    one = rng.integers(0, len(codes), size - len(codes))
    other = _likest(descriptors)[one, rng.integers(0, NEAR, len(one))]
    bits, width = unpack_bits(codes), 8 * codes.shape[1]
    from_one = rng.random((len(one), width)) < 0.5
    values = rng.random((len(one), descriptors.shape[1])) < 0.5
    return (
        pack_bits(np.where(from_one, bits[one], bits[other]).astype(bool)),
        np.where(values, descriptors[one], descriptors[other]),
    )


def _likest(descriptors: Descriptors) -> npt.NDArray[np.int64]:
    """The ``NEAR`` likest others of each picture."""
    unit = descriptors.astype(np.float32)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    return np.argpartition(-cosines, NEAR, axis=1)[:, :NEAR]


def _search(codes: Codes, descriptors: Descriptors, asking: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Ask one gallery for pictures that are in it."""
    index, sketches = HammingIndex(8 * codes.shape[1]).add(codes), sketches_of(descriptors)
    first: dict[str, list[bool]] = {protocol: [] for protocol in PROTOCOLS}
    likest: dict[str, list[bool]] = {protocol: [] for protocol in PROTOCOLS}
    for query in asking:
        alike = likeness(descriptors[query], descriptors)
        others = np.delete(np.arange(len(codes)), query)
        # Several rows may be as like as the likest: any of them will do.
        best = alike >= alike[others].max() - 1e-9
        for protocol, order in _orders(index, sketches, codes, query, alike).items():
            first[protocol].append(bool(order[0] == query))
            likest[protocol].append(bool(best[order[order != query][: K - 1]].any()))
    return {
        "distinct": len(np.unique(codes, axis=0)),
        **{
            protocol: {
                "first": interval(np.array(first[protocol], float)),
                "likest": interval(np.array(likest[protocol], float)),
            }
            for protocol in PROTOCOLS
        },
    }


def _orders(
    index: HammingIndex, sketches: Codes, codes: Codes, query: int, alike: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.int64]]:
    """Rows in the order in which each protocol shows them."""
    named = {
        "codes": nearest_rows(index, sketches, codes[query], K, K),
        "sketches": nearest_rows(index, sketches, codes[query], K, MOST_NEIGHBOURS, sketches[query]),
        "likeness": nearest_rows(index, sketches, codes[query], MOST_NEIGHBOURS, MOST_NEIGHBOURS, sketches[query]),
    }
    orders = {}
    for protocol, (positions, distances, _) in named.items():
        keys = {"codes": (distances,), "sketches": (-alike[positions], distances), "likeness": (-alike[positions],)}
        orders[protocol] = positions[np.lexsort(keys[protocol])]
    return orders
