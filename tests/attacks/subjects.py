"""What the attacks are tried on: simulated X-rays, small, each under a key of its test's own."""

import numpy as np

from engine.datasets import load_dataset
from engine.imaging import resize

EACH = {"train": 60, "val": 20, "test": 60}


def xrays(count: int, height: int, width: int) -> np.ndarray:
    """``(count, height, width)`` uint8: simulated chest X-rays of different patients."""
    gallery = load_dataset("simulated")
    pictures = [resize(gallery.load(7 * n), max(height, width)) for n in range(count)]
    return np.stack([picture[:height, :width] for picture in pictures])


def noise(*shape: int) -> np.ndarray:
    """Uint8 that follow no pattern."""
    return np.random.default_rng().integers(0, 256, shape).astype(np.uint8)


def collection(side=32):
    """Two kinds of pictures, smooth and rough, with labels and splits."""
    rng = np.random.default_rng()
    pictures, labels, splits = [], [], []
    for label, roughness in enumerate((3, 40)):
        for split, count in EACH.items():
            waves = 128 + 60 * np.sin(np.arange(side) / 5 + rng.uniform(0, 6, (count, side, 1)))
            rough = waves + rng.normal(0, roughness * rng.uniform(0.7, 1.3, (count, 1, 1)), (count, side, side))
            pictures.append(np.clip(rough, 0, 255).astype(np.uint8))
            labels += [label] * count
            splits += [split] * count
    return np.concatenate(pictures), np.array(labels), np.array(splits)
