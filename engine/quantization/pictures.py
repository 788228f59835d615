"""What a hashing network sees of a whole collection, kept in a cache file: framing is most of the work."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.datasets import Dataset, data_hash
from engine.hashing.preprocess import FRAME_MARGIN, prepare_frame
from engine.imaging.framing import frame_chest

CACHE = Path(__file__).resolve().parents[2] / ".cache"


def prepared_pictures(dataset: Dataset, side: int, cache: Path | None = CACHE) -> np.ndarray:
    """Frame and prepare every picture as ``engine.hashing.preprocess.network_input`` does.

    Args:
        dataset: The pictures.
        side: Side of the network's input in pixels.
        cache: Folder for the framed pictures; None to keep nothing.

    Returns:
        ``(N, side, side)`` float32.
    """
    path = None if cache is None else cache / f"inputs-{data_hash(dataset)[:16]}-{side}.npy"
    if path is not None and path.exists():
        frames = np.load(path, allow_pickle=False)
    else:
        with ThreadPoolExecutor(2) as pool:
            framed = pool.map(lambda i: frame_chest(dataset.load(i), side, FRAME_MARGIN), range(len(dataset)))
            frames = np.stack(list(framed))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, frames)
    return np.stack([prepare_frame(frame) for frame in frames])
