"""Framed training pictures in memory: found, cut and shrunk once, kept in a cache file."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from engine.datasets import Dataset, data_hash
from engine.imaging.framing import frame_chest

CACHE_MARGIN = 0.12
CACHE = Path(__file__).resolve().parents[2] / ".cache"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FramedPictures:
    """Pictures cut to the lungs with a wide margin, and what is known of each.

    Attributes:
        pixels: ``(N, S, S)`` uint8.
        labels: ``(N,)`` int64 position in ``classes``.
        sources: ``(N,)`` str collection each picture came from.
        ids: ``(N,)`` str.
        classes: Class names.
    """

    pixels: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    ids: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def shrunk(self, side: int) -> "FramedPictures":
        """Return the same pictures for a smaller input side, shrunk by area so that nothing aliases."""
        size = (cached_side(side), cached_side(side))
        if size[0] == self.pixels.shape[1]:
            return self
        return replace(self, pixels=np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in self.pixels]))


def cached_side(side: int) -> int:
    """Return the side of cached frames for an input side; the excess leaves room for shifted views."""
    return round(side * 1.25)


def framed_pictures(dataset: Dataset, side: int, cache: Path | None = CACHE) -> FramedPictures:
    """Frame every picture of ``dataset``, or read the frames from the cache.

    Args:
        dataset: Pictures with labels.
        side: Side of the network's input; see :func:`cached_side`.
        cache: Folder of cache files; None to keep nothing.

    Returns:
        The frames, at 1.25 times ``side``.
    """
    stored_side = cached_side(side)
    path = None if cache is None else cache / f"frames-{data_hash(dataset)[:16]}-{stored_side}.npy"
    if path is not None and path.exists():
        pixels = np.load(path, allow_pickle=False)
    else:
        _log.info("framing %d pictures", len(dataset))
        with ThreadPoolExecutor(2) as pool:
            frames = pool.map(lambda i: frame_chest(dataset.load(i), stored_side, CACHE_MARGIN), range(len(dataset)))
            pixels = np.stack(list(frames))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, pixels)
    records = dataset.records
    return FramedPictures(
        pixels,
        dataset.labels,
        np.array([record.source for record in records]),
        np.array([record.id for record in records]),
        dataset.classes,
    )
