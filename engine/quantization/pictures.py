"""What a hashing network sees of a whole collection, kept in a cache file: framing is most of the work."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.datasets import Dataset, data_hash
from engine.files import written_whole
from engine.hashing.hasher import Hasher
from engine.hashing.preprocess import prepare_frame

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def prepared_pictures(dataset: Dataset, hasher: Hasher, cache: Path | None = CACHE) -> np.ndarray:
    """Frame and prepare every picture as a hasher does.

    Args:
        dataset: The pictures.
        hasher: Who is to be shown them.
        cache: Folder for the framed pictures; None to keep nothing.

    Returns:
        ``(N, side, side)`` float32.
    """
    path = None if cache is None else cache / f"inputs-{data_hash(dataset)[:16]}-{hasher.side}-{hasher.margin:.2f}.npy"
    if path is not None and path.exists():
        frames = np.load(path, allow_pickle=False)
    else:
        with ThreadPoolExecutor(2) as pool:
            framed = pool.map(lambda i: hasher.frame(dataset.load(i)), range(len(dataset)))
            frames = np.stack(list(framed))
        if path is not None:
            with written_whole(path) as partial:
                np.save(partial, frames)
    return np.stack([prepare_frame(frame, hasher.enhanced) for frame in frames])
