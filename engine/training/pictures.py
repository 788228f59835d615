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
        groups: ``(N,)`` str patient of each picture.
        classes: Class names.
    """

    pixels: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    ids: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def kept(self, chosen: np.ndarray) -> "FramedPictures":
        """Return the pictures that ``chosen``, ``(N,)`` bool, marks."""
        names = ("pixels", "labels", "sources", "ids", "groups")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def joined(self, other: "FramedPictures") -> "FramedPictures":
        """Return these pictures followed by others of the same classes and side."""
        names = ("pixels", "labels", "sources", "ids", "groups")
        parts = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        return FramedPictures(**parts, classes=self.classes)

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
        np.array([record.group for record in records]),
        dataset.classes,
    )


def simulated_pictures(
    patients: int, side: int, classes: tuple[str, ...], cache: Path | None = CACHE
) -> FramedPictures:
    """Frame simulated training pictures, rendered from the public CT scan, or read the frames from the cache.

    Args:
        patients: Patients of each class, one picture each; none of them is in the built-in gallery.
        side: Side of the network's input.
        classes: Class names, in the order of their labels.
        cache: Folder of cache files; None to keep nothing.

    Returns:
        The frames, class by class in turn, with the source ``"simulated"``.
    """
    from engine.datasets.simulation.gallery import training_pictures
    from engine.datasets.simulation.scan import load_scan, obtain_wheel

    path = None if cache is None else cache / f"simulated-{patients}-{cached_side(side)}.npz"
    if path is not None and path.exists():
        with np.load(path, allow_pickle=False) as stored:
            pixels, names = stored["pixels"], stored["labels"]
    else:
        made = list(training_pictures(load_scan(obtain_wheel()), patients))
        pixels = np.stack([frame_chest(image, cached_side(side), CACHE_MARGIN) for _, image in made])
        names = np.array([label for label, _ in made])
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path, allow_pickle=False, pixels=pixels, labels=names)
    labels = np.array([classes.index(name) for name in names], np.int64)
    ids = np.array([f"simulated-training-{i}" for i in range(len(labels))])
    return FramedPictures(pixels, labels, np.full(len(labels), "simulated"), ids, ids, classes)
