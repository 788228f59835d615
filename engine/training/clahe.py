"""CLAHE of a whole batch at once, on any device: what ``cv2.createCLAHE`` does to one picture on the processor.

Training equalises every random view anew, each with its own clip limit; one picture at a time that would keep a GPU
waiting. Shipped networks see pictures through :func:`engine.imaging.enhance`; a test holds the two together.
"""

import torch
from torch import Tensor

BINS = 256


def equalise(pictures: Tensor, clip_limits: Tensor, tiles: int = 8) -> Tensor:
    """Equalise the histogram of every tile, its peaks clipped, and blend the tiles' tables between their centres.

    Args:
        pictures: ``(B, H, W)`` float, whole gray levels 0..255; height and width are multiples of ``tiles``.
        clip_limits: ``(B,)`` float highest bin of a tile, in multiples of the mean bin.
        tiles: Tiles along each side.

    Returns:
        ``(B, H, W)`` float32, whole gray levels 0..255.

    Raises:
        ValueError: The tiles do not divide the pictures' sides.

    Example:
        >>> ramp = torch.arange(100.0, 164).expand(1, 64, 64)
        >>> bool(equalise(ramp, torch.tensor([2.0])).std() > ramp.std())
        True
    """
    count, height, width = pictures.shape
    if height % tiles or width % tiles:
        raise ValueError(f"{tiles} tiles do not divide a side of {height} x {width} pixels")
    levels = pictures.long()
    tables = _tables(levels, clip_limits, tiles).flatten(1)
    (top, bottom, down), (left, right, across) = (_neighbours(side, tiles, pictures.device) for side in (height, width))
    down, across = down[:, None], across[None]

    def looked_up(rows: Tensor, columns: Tensor) -> Tensor:
        tile = (rows[:, None] * tiles + columns[None]) * BINS
        return tables.gather(1, (tile + levels).flatten(1)).view(count, height, width)

    upper = looked_up(top, left) * (1 - across) + looked_up(top, right) * across
    lower = looked_up(bottom, left) * (1 - across) + looked_up(bottom, right) * across
    return (upper * (1 - down) + lower * down).round()


def _tables(levels: Tensor, clip_limits: Tensor, tiles: int) -> Tensor:
    """Return every tile's table of gray levels, ``(B, tiles * tiles, 256)``."""
    count, height, width = levels.shape
    area = (height // tiles) * (width // tiles)
    rows, columns = (torch.arange(n, device=levels.device) // (n // tiles) for n in (height, width))
    bins = (rows[:, None] * tiles + columns[None]) * BINS + levels
    histogram = torch.zeros(count, tiles**2 * BINS, device=levels.device)
    histogram.scatter_add_(1, bins.flatten(1), torch.ones((), device=levels.device).expand(count, height * width))
    clip = (clip_limits * area / BINS).floor().clamp_min(1)
    clipped = _redistribute(histogram.view(count, tiles**2, BINS), clip[:, None, None])
    return (clipped.cumsum(-1) * ((BINS - 1) / area)).round().clamp_max(BINS - 1)


def _redistribute(histogram: Tensor, clip: Tensor) -> Tensor:
    """Cut bins at ``clip`` and deal out what was cut: evenly first, the rest at equal steps, as OpenCV does."""
    cut = (histogram - clip).clamp_min(0).sum(-1, keepdim=True)
    each = torch.div(cut, BINS, rounding_mode="floor")
    rest = cut - each * BINS
    step = torch.div(BINS, rest.clamp_min(1), rounding_mode="floor").clamp_min(1)
    position = torch.arange(BINS, device=histogram.device)
    extra = (position % step == 0) & (torch.div(position, step, rounding_mode="floor") < rest)
    return histogram.minimum(clip) + each + extra


def _neighbours(side: int, tiles: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return, for each pixel along a side, the tiles before and after it and how far it lies between their centres."""
    place = torch.arange(side, device=device) * (tiles / side) - 0.5
    before = place.floor()
    return before.clamp_min(0).long(), (before + 1).clamp_max(tiles - 1).long(), place - before
