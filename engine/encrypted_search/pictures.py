"""The anatomy pictures as arrays."""

from dataclasses import dataclass

import numpy as np

from engine.datasets import Dataset, load_dataset
from engine.encrypted_search.setting import Setting

COLLECTION = "anatomy"


@dataclass(frozen=True)
class Split:
    """Pictures of one split.

    Attributes:
        images: ``(N, 64, 64)`` uint8.
        labels: ``(N,)`` int64, positions in ``classes``.
        ids: N names.
        classes: Class names.
    """

    images: np.ndarray
    labels: np.ndarray
    ids: list[str]
    classes: tuple[str, ...]


def load_split(name: str, dataset: Dataset | None = None) -> Split:
    """Load a split of the anatomy collection.

    Args:
        name: ``"train"``, ``"val"`` or ``"test"``.
        dataset: Instead of the collection.

    Raises:
        DataError: The pictures are not on this machine.
    """
    part = (dataset or load_dataset(COLLECTION)).subset(name)
    images = np.stack([part.load(i) for i in range(len(part))])
    return Split(images, part.labels, [record.id for record in part.records], part.classes)


def read(setting: str, images: np.ndarray, ids: list[str]) -> np.ndarray:
    """Encrypt pictures as a setting says and make of them what a network reads.

    Args:
        setting: ``Setting.name``.
        images: ``(N, H, W)`` uint8.
        ids: N names; under ``"fresh"`` each names a key of its own.

    Returns:
        ``(N, H, W, 3)`` uint8.
    """
    chosen = Setting.named(setting)
    return chosen.canonical(chosen.encrypt(images, ids))
