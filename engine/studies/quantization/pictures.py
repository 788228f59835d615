"""What a hashing network sees of a whole collection."""

from pathlib import Path

import numpy as np

from engine.datasets import Dataset
from engine.hashing.frames import CACHE, framed
from engine.hashing.hasher import Hasher
from engine.hashing.preprocess import prepare_frame


def prepared_pictures(dataset: Dataset, hasher: Hasher, cache: Path | None = CACHE) -> np.ndarray:
    """Frame and prepare every picture as a hasher does.

    Args:
        dataset: The pictures.
        hasher: Who is to be shown them.
        cache: Folder for the framed pictures; None to keep nothing.

    Returns:
        ``(N, side, side)`` float32.
    """
    frames = framed(dataset, hasher.side, hasher.margin, cache)
    return np.stack([prepare_frame(frame, hasher.enhanced) for frame in frames])
