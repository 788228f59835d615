"""What a block-wise cipher leaves of a block, whatever its key was."""

from functools import cache
from hashlib import sha256

import torch
from torch import Tensor

MANY = 64  # pixels of a block, from which on it is quicker to look at its histogram
_HASH_BITS = 44


def _costs() -> Tensor:
    """What each value adds to the cost of its block: itself, and in the low bits a hash.

    The hash decides between blocks of equal sums, which would otherwise keep the cipher's order.
    """
    hashes = [int.from_bytes(sha256(bytes([level])).digest()[:4], "big") for level in range(256)]
    return torch.tensor([(level << _HASH_BITS) + value for level, value in enumerate(hashes)])


_COST = _costs()


@cache
def _costs_by_mask() -> Tensor:
    """What each value adds to the cost under each mask, level beside hash, exact: ``(256, 2 * 256)`` float64."""
    levels = torch.arange(256)
    costs = _COST[levels[:, None] ^ levels]
    return torch.cat([costs >> _HASH_BITS, costs & (1 << _HASH_BITS) - 1], dim=1).double()


def split_blocks(pictures: Tensor, side: int) -> Tensor:
    """Return the pixels of every block of every channel: ``(N, C, H, W)`` to ``(N, C, blocks, side**2)``.

    Example:
        >>> split_blocks(torch.tensor([[[[1, 2], [3, 4]]]]), 2).tolist()
        [[[[1, 2, 3, 4]]]]
    """
    n, c, h, w = pictures.shape
    blocks = pictures.reshape(n, c, h // side, side, w // side, side).transpose(3, 4)
    return blocks.reshape(n, c, -1, side * side)


def join_blocks(blocks: Tensor, side: int, width: int) -> Tensor:
    """Undo :func:`split_blocks` for pictures ``width`` pixels wide.

    Example:
        >>> picture = torch.arange(24).view(1, 1, 4, 6)
        >>> bool((join_blocks(split_blocks(picture, 2), 2, 6) == picture).all())
        True
    """
    n, c, count, _ = blocks.shape
    across = width // side
    rows = blocks.view(n, c, count // across, across, side, side).transpose(3, 4)
    return rows.reshape(n, c, -1, width)


def canonical_blocks(pictures: Tensor, side: int) -> Tensor:
    """Return the same picture for every key of paper B's cipher: what its four stages can't hide.

    Step by step, each undoing one stage of Algorithm 1 without knowing its key:

    - Colour mask: the values of a block are XORed with the one among them that makes their sum smallest, which
      cancels any mask: ``(a ^ m) ^ (b ^ m) = a ^ b``. A flat block becomes 0.
    - Order of pixels: the values of each channel of a block are sorted.
    - Order of channels: the channels of a block are sorted by their sum.
    - Order of blocks: blocks are sorted by their sum.

    What is left is how much the values of each block differ, from the calmest block to the busiest. In a picture
    with blocks of one pixel nothing is left: all is 0.

    Args:
        pictures: ``(N, C, H, W)`` uint8, H and W multiples of ``side``.
        side: Side of the cipher's blocks in pixels.

    Returns:
        ``(N, C, H, W)`` uint8.

    Example:
        >>> canonical_blocks(torch.tensor([[[[9, 8, 5, 5], [9, 9, 5, 5]]]], dtype=torch.uint8), 2).tolist()
        [[[[0, 0, 0, 0], [0, 0, 0, 1]]]]
    """
    blocks = split_blocks(pictures, side)
    cost, reference = (_cheapest_of_levels if side * side >= MANY else _cheapest_of_pixels)(blocks)
    values = (blocks ^ reference[..., None]).sort(-1).values
    channels = cost.argsort(1)
    values = values.gather(1, channels[..., None].expand_as(values))
    order = _order(cost.gather(1, channels))
    return join_blocks(values.gather(2, order[:, None, :, None].expand_as(values)), side, pictures.shape[-1])


def _cheapest_of_pixels(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest cost of each block, and the value of it that makes it: ``(..., P)`` uint8 to ``(...)``, twice.

    Values that make equal costs leave the same values of the block, so it does not matter which is taken.
    """
    costs = [_COST[(blocks ^ blocks[..., i : i + 1]).int()].sum(-1) for i in range(blocks.shape[-1])]
    cost, place = torch.stack(costs, -1).min(-1)
    return cost, blocks.gather(-1, place[..., None])[..., 0]


def _cheapest_of_levels(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """The same by each block's histogram, which a matrix turns into the costs under all masks at once."""
    one = torch.ones(1, dtype=torch.float64).expand(blocks.shape)
    histogram = torch.zeros(*blocks.shape[:-1], 256, dtype=torch.float64).scatter_add_(-1, blocks.long(), one)
    levels, hashes = (histogram @ _costs_by_mask()).long().chunk(2, dim=-1)
    absent = torch.iinfo(torch.int64).max
    cost, reference = ((levels << _HASH_BITS) + hashes).masked_fill(histogram == 0, absent).min(-1)
    return cost, reference.to(torch.uint8)


def _order(cost: Tensor) -> Tensor:
    """Order blocks by their sum and, where sums are equal, by that of their channels: ``(N, C, B)`` to ``(N, B)``."""
    order = torch.arange(cost.shape[2]).expand(len(cost), -1)
    for key in (*cost.unbind(1), cost.sum(1)):
        order = order.gather(1, key.gather(1, order).sort(dim=1, stable=True).indices)
    return order
