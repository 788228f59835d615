"""The chests of a whole collection, found and cut once and kept in a cache file: framing is most of the work."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.artifacts import source_hash
from engine.datasets import Dataset, data_hash
from engine.files import written_whole
from engine.imaging.framing import frame_chest

CACHE = Path(__file__).resolve().parents[2] / ".cache"
# What makes a frame: a cache of other code's is not read.
FRAMING = ("engine/imaging/*.py", "engine/imaging/*.npy")
_log = logging.getLogger(__name__)


def cache_file(cache: Path | None, name: str, sources: tuple[str, ...] = FRAMING) -> Path | None:
    """Return where something is cached, by its name and by the code that makes it; None where nothing is kept."""
    return None if cache is None else cache / f"{source_hash(patterns=sources)[:8]}-{name}"


def framed(dataset: Dataset, side: int, margin: float, cache: Path | None = CACHE) -> np.ndarray:
    """Frame every picture of ``dataset``, or read the frames from the cache.

    Args:
        dataset: The pictures.
        side: Side of a frame, pixels.
        margin: Share of the lungs' box shown around it on every edge.
        cache: Folder of cache files; None to keep nothing.

    Returns:
        ``(N, side, side)`` uint8.
    """
    path = cache_file(cache, f"frames-{data_hash(dataset)[:16]}-{side}-{margin:.2f}.npy")
    if path is not None and path.exists():
        return np.load(path, allow_pickle=False)
    _log.info("framing %d pictures", len(dataset))
    with ThreadPoolExecutor(2) as pool:
        frames = np.stack(list(pool.map(lambda i: frame_chest(dataset.load(i), side, margin), range(len(dataset)))))
    if path is not None:
        with written_whole(path) as partial:
            np.save(partial, frames)
    return frames
