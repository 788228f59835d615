"""The compiled form of :mod:`engine.encryption.blocks`: all inner layers in one pass over the picture.

Sixteen blocks are treated side by side, coefficient by coefficient, so that each arithmetic step is one
vector instruction and a tile never leaves the first-level cache. A tile is a flat array: number
``coefficient * LANES + lane``. Columns and rows have a function each because the compiler vectorises
only loops whose body it is willing to inline.
"""

import numpy as np

from engine.encryption.compilation import Kernel
from engine.encryption.dct import dct8, idct8
from engine.encryption.logistic import STEPS, choose, step

LANES = 16
_ROW = 8 * LANES
_SIZE = 64 * LANES


@Kernel
def mix(plane, seeds, rates, low, high):  # type: ignore[no-untyped-def]
    """Fill ``low`` and ``high`` from ``plane``; see :func:`engine.encryption.blocks.mix`."""
    bits = plane.itemsize * 8
    middle = np.int32(1 << (bits - 1))
    values, partners, signs = np.zeros(_SIZE, np.int32), np.zeros(_SIZE, np.int32), np.zeros(_SIZE, np.int32)
    for first in range(0, seeds.size, LANES):
        count = min(LANES, seeds.size - first)
        _load(plane, first, count, middle, values)
        _choices(seeds[first : first + count], rates, partners, signs)
        _columns(values)
        _rows(values)
        _shuffle(values, partners)
        _negate(values, signs)
        _rows_back(values)
        _columns_back(values)
        _store_mixed(values, first, count, middle, bits, low, high)


@Kernel
def unmix(low, high, seeds, rates, plane):  # type: ignore[no-untyped-def]
    """Fill ``plane`` from ``low`` and ``high``; see :func:`engine.encryption.blocks.unmix`."""
    bits = plane.itemsize * 8
    middle = np.int32(1 << (bits - 1))
    values, partners, signs = np.zeros(_SIZE, np.int32), np.zeros(_SIZE, np.int32), np.zeros(_SIZE, np.int32)
    for first in range(0, seeds.size, LANES):
        count = min(LANES, seeds.size - first)
        _load(low, first, count, middle, values)
        _load_high(high, first, count, bits, values)
        _choices(seeds[first : first + count], rates, partners, signs)
        _columns(values)
        _rows(values)
        _negate(values, signs)
        _unshuffle(values, partners)
        _rows_back(values)
        _columns_back(values)
        _store(values, first, count, middle, plane)


@Kernel
def _load(plane, first, count, middle, values):  # type: ignore[no-untyped-def]
    across = plane.shape[1] // 8
    for lane in range(count):
        top, left = (first + lane) // across * 8, (first + lane) % across * 8
        for i in range(8):
            for j in range(8):
                values[(8 * i + j) * LANES + lane] = np.int32(plane[top + i, left + j]) - middle


@Kernel
def _load_high(high, first, count, bits, values):  # type: ignore[no-untyped-def]
    """Add the half-bytes above ``bits``, as numbers from -8 to 7."""
    across = high.shape[1] // 4
    for lane in range(count):
        top, left = (first + lane) // across * 8, (first + lane) % across * 4
        for i in range(8):
            for j in range(4):
                pair = np.int32(high[top + i, left + j])
                values[(8 * i + 2 * j) * LANES + lane] += (((pair & 15) ^ 8) - 8) << bits
                values[(8 * i + 2 * j + 1) * LANES + lane] += (((pair >> 4) ^ 8) - 8) << bits


@Kernel
def _store(values, first, count, middle, plane):  # type: ignore[no-untyped-def]
    across = plane.shape[1] // 8
    for lane in range(count):
        top, left = (first + lane) // across * 8, (first + lane) % across * 8
        for i in range(8):
            for j in range(8):
                plane[top + i, left + j] = values[(8 * i + j) * LANES + lane] + middle


@Kernel
def _store_mixed(values, first, count, middle, bits, low, high):  # type: ignore[no-untyped-def]
    across = low.shape[1] // 8
    for lane in range(count):
        top, left = (first + lane) // across * 8, (first + lane) % across * 8
        for i in range(8):
            for j in range(0, 8, 2):
                even = values[(8 * i + j) * LANES + lane] + middle
                odd = values[(8 * i + j + 1) * LANES + lane] + middle
                low[top + i, left + j], low[top + i, left + j + 1] = even, odd
                high[top + i, (left + j) // 2] = ((even >> bits) & 15) | (((odd >> bits) & 15) << 4)


@Kernel
def _choices(seeds, rates, partners, signs):  # type: ignore[no-untyped-def]
    """Run the orbits of the tile; keep where each coefficient goes and its sign."""
    x, y = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint32)
    for lane in range(seeds.size):
        x[lane], y[lane] = seeds[lane] >> np.uint64(32), seeds[lane] & np.uint64(0xFFFF_FFFF)
    r1, r2, d1, d2 = rates[0], rates[1], rates[2], rates[3]
    for number in range(STEPS):
        even = 2 * number * LANES
        for lane in range(LANES):
            next_x, next_y = step(
                np.uint64(x[lane]),
                np.uint64(y[lane]),
                np.uint64(r1),
                np.uint64(r2),
                np.uint64(d1),
                np.uint64(d2),
            )
            x[lane], y[lane] = next_x, next_y
            partner, sign = choose(next_x, np.uint64(2 * number + 1))
            partners[even + lane], signs[even + lane] = partner * LANES + lane, sign
            partner, sign = choose(next_y, np.uint64(2 * number + 2))
            partners[even + LANES + lane], signs[even + LANES + lane] = partner * LANES + lane, sign


@Kernel
def _columns(v):  # type: ignore[no-untyped-def]
    for start in range(0, _ROW, LANES):
        for k in range(start, start + LANES):
            a, b, c, d = v[k], v[k + _ROW], v[k + 2 * _ROW], v[k + 3 * _ROW]
            e, f, g, h = v[k + 4 * _ROW], v[k + 5 * _ROW], v[k + 6 * _ROW], v[k + 7 * _ROW]
            a, b, c, d, e, f, g, h = dct8(a, b, c, d, e, f, g, h)
            v[k], v[k + _ROW], v[k + 2 * _ROW], v[k + 3 * _ROW] = a, b, c, d
            v[k + 4 * _ROW], v[k + 5 * _ROW], v[k + 6 * _ROW], v[k + 7 * _ROW] = e, f, g, h


@Kernel
def _rows(v):  # type: ignore[no-untyped-def]
    for start in range(0, _SIZE, _ROW):
        for k in range(start, start + LANES):
            a, b, c, d = v[k], v[k + LANES], v[k + 2 * LANES], v[k + 3 * LANES]
            e, f, g, h = v[k + 4 * LANES], v[k + 5 * LANES], v[k + 6 * LANES], v[k + 7 * LANES]
            a, b, c, d, e, f, g, h = dct8(a, b, c, d, e, f, g, h)
            v[k], v[k + LANES], v[k + 2 * LANES], v[k + 3 * LANES] = a, b, c, d
            v[k + 4 * LANES], v[k + 5 * LANES], v[k + 6 * LANES], v[k + 7 * LANES] = e, f, g, h


@Kernel
def _rows_back(v):  # type: ignore[no-untyped-def]
    for start in range(0, _SIZE, _ROW):
        for k in range(start, start + LANES):
            a, b, c, d = v[k], v[k + LANES], v[k + 2 * LANES], v[k + 3 * LANES]
            e, f, g, h = v[k + 4 * LANES], v[k + 5 * LANES], v[k + 6 * LANES], v[k + 7 * LANES]
            a, b, c, d, e, f, g, h = idct8(a, b, c, d, e, f, g, h)
            v[k], v[k + LANES], v[k + 2 * LANES], v[k + 3 * LANES] = a, b, c, d
            v[k + 4 * LANES], v[k + 5 * LANES], v[k + 6 * LANES], v[k + 7 * LANES] = e, f, g, h


@Kernel
def _columns_back(v):  # type: ignore[no-untyped-def]
    for start in range(0, _ROW, LANES):
        for k in range(start, start + LANES):
            a, b, c, d = v[k], v[k + _ROW], v[k + 2 * _ROW], v[k + 3 * _ROW]
            e, f, g, h = v[k + 4 * _ROW], v[k + 5 * _ROW], v[k + 6 * _ROW], v[k + 7 * _ROW]
            a, b, c, d, e, f, g, h = idct8(a, b, c, d, e, f, g, h)
            v[k], v[k + _ROW], v[k + 2 * _ROW], v[k + 3 * _ROW] = a, b, c, d
            v[k + 4 * _ROW], v[k + 5 * _ROW], v[k + 6 * _ROW], v[k + 7 * _ROW] = e, f, g, h


@Kernel
def _negate(v, signs):  # type: ignore[no-untyped-def]
    for k in range(_SIZE):
        v[k] *= signs[k]


@Kernel
def _shuffle(v, partners):  # type: ignore[no-untyped-def]
    for k in range(_SIZE - 1, -1, -1):
        partner = partners[k]
        v[k], v[partner] = v[partner], v[k]


@Kernel
def _unshuffle(v, partners):  # type: ignore[no-untyped-def]
    for k in range(_SIZE):
        partner = partners[k]
        v[k], v[partner] = v[partner], v[k]
