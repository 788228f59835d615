"""What the attacks are tried on: simulated X-rays, small, each under a key nobody has seen before."""

import numpy as np

from engine.datasets import load_dataset
from engine.imaging import resize


def xrays(count: int, height: int, width: int) -> np.ndarray:
    """``(count, height, width)`` uint8: simulated chest X-rays of different patients."""
    gallery = load_dataset("simulated")
    pictures = [resize(gallery.load(7 * n), max(height, width)) for n in range(count)]
    return np.stack([picture[:height, :width] for picture in pictures])


def noise(*shape: int) -> np.ndarray:
    """Unpredictable uint8."""
    return np.random.default_rng().integers(0, 256, shape).astype(np.uint8)
