"""Framed training pictures in memory: found and cut once, kept in a cache file."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from engine.datasets import Dataset
from engine.files import write_arrays
from engine.hashing.frames import CACHE, FRAMING, cache_file, framed
from engine.hashing.preprocess import FRAME_MARGIN, prepare_frame
from engine.imaging.framing import frame_chest

# How much more of the chest than a view is cached around it, share of the lungs' box: room for shifted views.
SPARE_MARGIN = 0.08
# What renders a simulated picture and frames it.
RENDERING = (*FRAMING, "engine/datasets/simulation/*.py")
# What there is of every picture.
_ROWS = ("pixels", "labels", "sources", "origins", "ids", "groups")


@dataclass(frozen=True)
class FramedPictures:
    """Pictures cut to the lungs with a wide margin, and what is known of each.

    Attributes:
        pixels: ``(N, S, S)`` uint8.
        margin: Share of the lungs' box that they show around it on every edge.
        labels: ``(N,)`` int64 position in ``classes``.
        sources: ``(N,)`` str collection each picture came from.
        origins: ``(N,)`` str publisher of each picture where it is known, else its source.
        ids: ``(N,)`` str.
        groups: ``(N,)`` str patient of each picture.
        classes: Class names.
    """

    pixels: np.ndarray
    margin: float
    labels: np.ndarray
    sources: np.ndarray
    origins: np.ndarray
    ids: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def kept(self, chosen: np.ndarray) -> "FramedPictures":
        """Return the pictures that ``chosen``, ``(N,)`` bool, marks."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _ROWS})

    def joined(self, other: "FramedPictures") -> "FramedPictures":
        """Return these pictures followed by others of the same classes and side."""
        parts = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _ROWS}
        return FramedPictures(**parts, margin=self.margin, classes=self.classes)


def cached_side(side: int) -> int:
    """Return the side of cached frames for an input side; the excess leaves room for shifted views."""
    return round(side * 1.25)


def framed_pictures(
    dataset: Dataset, side: int, frame_margin: float = FRAME_MARGIN, cache: Path | None = CACHE
) -> FramedPictures:
    """Frame every picture of ``dataset``, or read the frames from the cache.

    Args:
        dataset: Pictures with labels.
        side: Side of the network's input; see :func:`cached_side`.
        frame_margin: What the network sees around the lungs; what is cached is wider.
        cache: Folder of cache files; None to keep nothing.

    Returns:
        The frames, at 1.25 times ``side``.
    """
    margin = frame_margin + SPARE_MARGIN
    pixels = framed(dataset, cached_side(side), margin, cache)
    records = dataset.records
    return FramedPictures(
        pixels,
        margin,
        dataset.labels,
        np.array([record.source for record in records]),
        np.array([record.origin for record in records]),
        np.array([record.id for record in records]),
        np.array([record.group for record in records]),
        dataset.classes,
    )


def plain_views(pictures: FramedPictures, side: int, enhanced: bool = True) -> np.ndarray:
    """Return what a shipped network would see of each picture: ``(N, side, side)`` float32, nothing random."""
    margins = pictures.margin, pictures.margin - SPARE_MARGIN
    return np.stack([plain_view(pixels, *margins, side, enhanced) for pixels in pictures.pixels])


def plain_view(cached: np.ndarray, cached_margin: float, margin: float, side: int, enhanced: bool = True) -> np.ndarray:
    """Return the view that :func:`engine.hashing.preprocess.network_input` would give, cut from a cached frame."""
    scale = len(cached) / side * (1 + 2 * margin) / (1 + 2 * cached_margin)
    offset = (len(cached) - 1) / 2 - scale * (side - 1) / 2
    frame = np.array([[scale, 0, offset], [0, scale, offset]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(cached, frame, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return prepare_frame(view, enhanced)


def simulated_pictures(
    patients: int,
    side: int,
    classes: tuple[str, ...],
    frame_margin: float = FRAME_MARGIN,
    cache: Path | None = CACHE,
) -> FramedPictures:
    """Frame simulated training pictures, rendered from the public CT scan, or read the frames from the cache.

    Args:
        patients: Patients of each class, one picture each; none of them is in the built-in gallery.
        side: Side of the network's input.
        classes: Class names, in the order of their labels.
        frame_margin: What the network sees around the lungs.
        cache: Folder of cache files; None to keep nothing.

    Returns:
        The frames, class by class in turn, with the source ``"simulated"``.
    """
    from engine.datasets.simulation.gallery import training_pictures
    from engine.datasets.simulation.scan import load_scan, obtain_wheel

    margin = frame_margin + SPARE_MARGIN
    path = cache_file(cache, f"simulated-{patients}-{cached_side(side)}-{margin:.2f}.npz", RENDERING)
    if path is not None and path.exists():
        with np.load(path, allow_pickle=False) as stored:
            pixels, names = stored["pixels"], stored["labels"]
    else:
        made = list(training_pictures(load_scan(obtain_wheel()), patients))
        pixels = np.stack([frame_chest(image, cached_side(side), margin) for _, image in made])
        names = np.array([label for label, _ in made])
        if path is not None:
            write_arrays(path, {"pixels": pixels, "labels": names})
    labels = np.array([classes.index(name) for name in names], np.int64)
    ids = np.array([f"simulated-training-{i}" for i in range(len(labels))])
    source = np.full(len(labels), "simulated")
    return FramedPictures(pixels, margin, labels, source, source, ids, ids, classes)
