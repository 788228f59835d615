"""Is a split honest? No patient, no file and no near-copy may stand on both sides of it."""

from collections import defaultdict
from dataclasses import dataclass

import cv2
import numpy as np

from engine.datasets.dataset import Dataset

THUMBNAIL = 48


@dataclass(frozen=True)
class SplitAudit:
    """What :func:`split_audit` found; each list is empty for an honest split.

    Attributes:
        name: The collection.
        pictures: Pictures compared.
        threshold: Correlation above which two thumbnails count as near-copies.
        groups: Groups that have pictures in more than one split.
        copies: Pairs of ids of equal original files in different splits.
        near_copies: (id, id, correlation) of near-identical pictures in different splits, closest first;
            ``copies`` included, unless the picture is flat.
        closest: Highest correlation of any two pictures in different splits; 0 with one split only.
    """

    name: str
    pictures: int
    threshold: float
    groups: tuple[str, ...]
    copies: tuple[tuple[str, str], ...]
    near_copies: tuple[tuple[str, str, float], ...]
    closest: float

    @property
    def ok(self) -> bool:
        """Whether nothing crosses the splits."""
        return not (self.groups or self.copies or self.near_copies)


def split_audit(dataset: Dataset, threshold: float = 0.98) -> SplitAudit:
    """Look for whatever leaks between the splits of a collection.

    Args:
        dataset: Pictures of two or more splits.
        threshold: Two pictures are near-copies if the Pearson correlation of their thumbnails exceeds it.

    Returns:
        The findings.

    Raises:
        DataError: A picture cannot be read.
    """
    close, closest = _close_pairs(dataset, threshold)
    return SplitAudit(
        name=dataset.name,
        pictures=len(dataset),
        threshold=threshold,
        groups=tuple(_crossing(dataset, "group")),
        copies=tuple(pair for ids in _crossing(dataset, "sha256").values() for pair in _pairs_across(ids)),
        near_copies=tuple(close),
        closest=closest,
    )


def _crossing(dataset: Dataset, attribute: str) -> dict[str, dict[str, list[str]]]:
    """Return {value: {split: ids}} for every value of the attribute that occurs in several splits."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record in dataset.records:
        found[getattr(record, attribute)][record.split].append(record.id)
    return {value: splits for value, splits in found.items() if len(splits) > 1}


def _pairs_across(splits: dict[str, list[str]]) -> list[tuple[str, str]]:
    names = list(splits)
    return [
        (a, b)
        for position, name in enumerate(names)
        for other in names[position + 1 :]
        for a in splits[name]
        for b in splits[other]
    ]


def _close_pairs(dataset: Dataset, threshold: float) -> tuple[list[tuple[str, str, float]], float]:
    vectors = np.stack([thumbnail_vector(dataset.load(i)) for i in range(len(dataset))])
    correlation = np.triu(vectors @ vectors.T, 1)
    splits = np.array([record.split for record in dataset.records])
    correlation[splits[:, None] == splits[None, :]] = 0
    pairs = np.argwhere(correlation > threshold)
    ids = [record.id for record in dataset.records]
    close = [(ids[a], ids[b], round(float(correlation[a, b]), 4)) for a, b in pairs]
    return sorted(close, key=lambda pair: -pair[2]), float(correlation.max(initial=0))


def thumbnail_vector(image: np.ndarray) -> np.ndarray:
    """Return the 48x48 thumbnail of a picture as a vector of zero mean and unit length.

    Args:
        image: ``(H, W)`` uint8 or uint16.

    Returns:
        ``(2304,)`` float32; the product of two is their Pearson correlation. A flat picture gives zeros.

    >>> picture = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    >>> round(float(thumbnail_vector(picture) @ thumbnail_vector(picture * 2 + 9)), 3)
    1.0
    """
    small = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
