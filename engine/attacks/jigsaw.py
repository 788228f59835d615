"""Put a block-shuffled picture together again, as one does a jigsaw.

If blocks only change places, their edges still fit. Pairs that fit best are joined first, groups grow together, and no
group may overlap or outgrow the frame (a greedy tree as in Gallagher 2012, for pieces of known orientation).
"""

import numpy as np

from engine.attacks.outcome import Adversary

ADVERSARY = Adversary(knows="One picture whose blocks changed places, and the size of a block.")
RIGHT, DOWN = (0, 1), (1, 0)
CANDIDATES = 16


def cut(picture: np.ndarray, block_size: int) -> np.ndarray:
    """Cut ``(H, W)``, sides multiples of ``block_size``, into ``(n, block_size, block_size)`` pieces, row by row."""
    down, across = picture.shape[0] // block_size, picture.shape[1] // block_size
    tiles = picture.reshape(down, block_size, across, block_size)
    return tiles.swapaxes(1, 2).reshape(-1, block_size, block_size)


def join(pieces: np.ndarray, across: int) -> np.ndarray:
    """Undo :func:`cut`: lay ``(n, s, s)`` pieces row by row, ``across`` in a row."""
    size = pieces.shape[1]
    return pieces.reshape(-1, across, size, size).swapaxes(1, 2).reshape(-1, across * size)


def shuffle_blocks(picture: np.ndarray, block_size: int, order: np.ndarray) -> np.ndarray:
    """Move whole blocks and nothing else: paper B's second stage alone.

    Args:
        picture: ``(H, W)``, sides multiples of ``block_size``.
        block_size: side of a block.
        order: ``(n,)`` permutation, which block comes to each place.
    """
    return join(cut(picture, block_size)[order], picture.shape[1] // block_size)


def solve(shuffled: np.ndarray, block_size: int) -> np.ndarray:
    """Find an order of the blocks in which their edges fit.

    Args:
        shuffled: ``(H, W)`` uint8, sides multiples of ``block_size``.
        block_size: side of a block, at least 2.

    Returns:
        ``(n,)`` int64, which block of ``shuffled`` belongs to each place.
    """
    pieces = cut(shuffled, block_size).astype(np.int32)
    grid = (shuffled.shape[0] // block_size, shuffled.shape[1] // block_size)
    fits = [(_misfit(pieces), RIGHT), (_misfit(pieces.swapaxes(1, 2)), DOWN)]
    groups, where = _grow(fits, grid)
    return _fill(groups, where, grid)


def reassemble(shuffled: np.ndarray, block_size: int) -> np.ndarray:
    """Return the picture that :func:`solve` finds."""
    return shuffle_blocks(shuffled, block_size, solve(shuffled, block_size))


def _misfit(pieces: np.ndarray) -> np.ndarray:
    """How badly piece j fits to the right of piece i, ``(n, n)``: error of prolonging either edge into the other.

    Divided by each row's and column's second best, so that a sure match in a dark corner does not outrank all.
    """
    left, right = pieces[:, :, 0], pieces[:, :, -1]
    onward, backward = 2 * right - pieces[:, :, -2], 2 * left - pieces[:, :, 1]
    cost = np.stack(
        [np.abs(onward[i] - left).sum(axis=1) + np.abs(right[i] - backward).sum(axis=1) for i in range(len(pieces))]
    ).astype(float)
    np.fill_diagonal(cost, np.inf)
    second = np.minimum(*(np.partition(cost, 1, axis=axis).take([1], axis=axis) for axis in (0, 1)))
    return (cost + 1) / (second + 1)


def _grow(fits: list[tuple[np.ndarray, tuple[int, int]]], grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Join groups, best fit first: the group of every piece ``(n,)``, and its place in it ``(n, 2)``."""
    count = len(fits[0][0])
    groups, where = np.arange(count), np.zeros((count, 2), np.int64)
    costs = np.stack([cost for cost, _ in fits]).reshape(-1)
    # A pair beyond the best few of each piece says nothing about where it belongs.
    for flat in np.argsort(costs, kind="stable")[: min(CANDIDATES * count, len(costs) - 2 * count)]:
        side, first, second = np.unravel_index(flat, (2, count, count))
        if groups[first] == groups[second]:
            continue
        mine, other = groups == groups[first], groups == groups[second]
        moved = where[other] + where[first] + fits[side][1] - where[second]
        if _fits_frame(np.concatenate([where[mine], moved]), grid):
            where[other], groups[other] = moved, groups[first]
    return groups, where


def _fits_frame(places: np.ndarray, grid: tuple[int, int]) -> bool:
    span = np.ptp(places, axis=0) + 1
    return bool((span <= grid).all()) and len({(int(r), int(c)) for r, c in places}) == len(places)


def _fill(groups: np.ndarray, where: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Put the largest group into the frame and everything else into the holes, row by row."""
    largest = groups == np.bincount(groups).argmax()
    order = np.full(grid, -1)
    places = where[largest] - where[largest].min(axis=0)
    order[places[:, 0], places[:, 1]] = np.flatnonzero(largest)
    order[order < 0] = np.flatnonzero(~largest)
    return order.reshape(-1)
