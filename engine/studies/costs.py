"""What a sealed gallery costs a picture: bytes on the server, and processor time to hash, seal, search and open.

Processor time and not wall time, on one thread, so that other work on the machine hardly changes it.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine.artifacts import provenance
from engine.datasets import Dataset

NAME = "costs"
METHOD, BITS = "matdh", 48
PICTURES, ROUNDS, SCALE = 60, 5, 100_000


def measure(dataset: Dataset) -> dict[str, Any]:
    """Fill a store with pictures of a collection, search it, and search as many random codes as a hospital has.

    Args:
        dataset: Chest X-rays; pictures are taken evenly from it.

    Returns:
        Protocol, provenance, bytes a picture, and processor seconds: a picture hashed, sealed with its upload, and
        opened, and one search among ``SCALE`` codes.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        images = [dataset.load(place) for place in np.linspace(0, len(dataset) - 1, PICTURES).astype(int)]
        figures = _store(images)
    finally:
        torch.set_num_threads(threads)
    protocol = {
        "dataset": dataset.name,
        "pictures": PICTURES,
        "pixels": int(np.mean([image.size for image in images])),
        "file_bytes": int(np.mean([_file_bytes(image) for image in images])),
        "codes": SCALE,
        "how": f"{METHOD}, {BITS} bits, sealed as galleries are, one SQLite file; processor time of one thread",
    }
    return {
        "protocol": protocol,
        "provenance": provenance(dataset, METHOD),
        "bytes": figures["bytes"],
        "seconds": {name: round(value, 6) for name, value in figures["seconds"].items()} | {"search": _search()},
    }


def _file_bytes(image: np.ndarray) -> int:
    from engine.imaging import encode_png

    return len(encode_png(image))


def _store(images: list[np.ndarray]) -> dict[str, Any]:
    from engine.encryption import generate_key
    from engine.hashing import Hasher
    from engine.hashing.codebook import CodeBook
    from engine.retrieval import CloudServer, DataOwner, Picture

    book, hasher = CodeBook(METHOD), Hasher.load(bits=BITS, method=METHOD)
    hasher.describe(images[:2])
    hashing = _processor(lambda: book.add(images)) / len(images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallery.db"
        owner = DataOwner(generate_key(), CloudServer(path), book.hasher(BITS))
        pictures = [Picture(f"{n}.png", partial(np.asarray, image)) for n, image in enumerate(images)]
        list(owner.upload(pictures[:1]))
        sealing = _processor(lambda: list(owner.upload(pictures[1:]))) / (len(images) - 1)
        ids = list(owner.records())
        opening = _processor(lambda: [owner.open(one) for one in ids]) / len(ids)
        stored = path.stat().st_size // len(images)
    return {"bytes": stored, "seconds": {"hash": hashing, "seal": sealing, "open": opening}}


def _search() -> float:
    """Return the processor time of one search for ten among ``SCALE`` random codes."""
    from engine.retrieval import HammingIndex

    rng = np.random.default_rng(0)
    index = HammingIndex(BITS)
    index.add(rng.integers(0, 256, (SCALE, BITS // 8), dtype=np.uint8))
    query = rng.integers(0, 256, (1, BITS // 8), dtype=np.uint8)
    return round(median(_processor(lambda: index.search(query, 10)) for _ in range(ROUNDS)), 6)


def _processor(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
