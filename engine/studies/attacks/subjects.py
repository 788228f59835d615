"""What every study shares: the pictures and the keys."""

import hashlib
from collections.abc import Callable

import numpy as np

from engine.datasets import Dataset
from engine.imaging import resize

Progress = Callable[[int, int], None]


def study_key(name: str) -> bytes:
    """Return the 32-byte key of a study: no secret, so that a run gives the same figures anywhere."""
    return hashlib.sha256(f"CXR Vault attack study {name}".encode()).digest()


def square(image: np.ndarray, side: int) -> np.ndarray:
    """Cut the middle square of a picture, ``(side, side)`` pixels after scaling the shorter side to ``side``.

    >>> square(np.zeros((30, 40), np.uint8), 12).shape
    (12, 12)
    """
    scaled = resize(image, side)
    top, left = (scaled.shape[0] - side) // 2, (scaled.shape[1] - side) // 2
    return np.ascontiguousarray(scaled[top : top + side, left : left + side])


def patients(dataset: Dataset, split: str, side: int, count: int | None = None) -> np.ndarray:
    """Load one picture of each patient of a split: ``(N, side, side)`` uint8, at most ``count``."""
    part = dataset.subset(split=split)
    first = {record.group: position for position, record in reversed(list(enumerate(part.records)))}
    return np.stack([square(part.load(position), side) for position in sorted(first.values())[:count]])
