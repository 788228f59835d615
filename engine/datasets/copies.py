"""Find re-cropped copies: pictures that show the same pixels, cut out otherwise, rescaled and encoded again.

Thumbnails miss them, since a crop moves everything. Local features find them: ORB (Rublee et al., ICCV 2011) describes
corners by 256 bits whatever their size and turn; a copy's corners lie where one affine map puts the original's, which
RANSAC tells from corners that merely look alike (Fischler and Bolles 1981). Chests are alike enough that dozens of
corners of two children agree; what only a copy has is the same detail between them, or still more corners.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from engine.datasets.dataset import Dataset

SIDE = 512
CORNERS = 400
INLIERS = 20
# Both limits were read off the 879 pairs of cxr-open that have so many corners. Copies correlate by 0.65 to 1, most
# others by up to 0.55, a few children that lie alike by up to 0.77: what is reported is a suspicion to look at.
CORRELATION = 0.6
# Pairs that correlate less are reported from so many corners on: children that lie alike share up to 44.
SURE = 50
# Of 256 bits; descriptors of unrelated corners differ in about 128.
ALIKE = 48
# Pictures whose corners look alike this often are compared in full.
VOTES = 6
NEIGHBOURS = 6
_PIXELS = 4.0
# An affine map of a copy scales its two axes by nearly the same factor, and does not shrink it to a point.
_STRETCH = 1.6
_SCALE = 5.0
# Share of the picture that a copy's corners span: a burnt-in letter is no copy.
_SPAN = 0.04


class Copies(NamedTuple):
    """Two pictures that show the same: their ids, corners that agree, and correlation of their detail."""

    first: str
    second: str
    corners: int
    correlation: float


@dataclass(frozen=True)
class LocalFeatures:
    """Corners of a picture.

    Attributes:
        points: ``(N, 2)`` float32 x and y.
        descriptors: ``(N, 32)`` uint8, 256 bits each.
        area: Of the picture in pixels.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    area: float


def local_features(image: npt.NDArray[np.uint8], count: int = CORNERS) -> LocalFeatures:
    """Find a picture's strongest corners and describe them by ORB.

    Args:
        image: ``(H, W)`` uint8; a large one is made smaller first.
        count: Corners at most; a flat picture has none.

    Returns:
        The corners, in pixels of the smaller picture.

    Example:
        >>> local_features(np.zeros((64, 64), np.uint8)).descriptors.shape
        (0, 32)
    """
    small = _small(image)
    # Local contrast: dark and bright exposures of one picture have the same corners then.
    even = cv2.createCLAHE(2.0, (8, 8)).apply(small)
    keypoints, descriptors = cv2.ORB.create(nfeatures=count, fastThreshold=7).detectAndCompute(even, None)
    if descriptors is None:
        return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), float(small.size))
    points = np.array([point.pt for point in keypoints], np.float32)
    return LocalFeatures(points, descriptors.astype(np.uint8, copy=False), float(small.size))


def _small(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    factor = min(1.0, SIDE / max(image.shape))
    if factor == 1:
        return image
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def affine_match(first: LocalFeatures, second: LocalFeatures) -> tuple[int, npt.NDArray[np.float64] | None]:
    """Find the affine map that lays most corners of a picture upon those of another.

    Args:
        first: Corners of one picture.
        second: Corners of the other.

    Returns:
        How many corners it lays upon each other, and the map from the first picture to the second, ``(2, 3)``; 0 and
        None where no map of a possible copy is found.
    """
    if min(len(first.points), len(second.points)) < 3:
        return 0, None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(first.descriptors, second.descriptors)
    pairs = np.array([(m.queryIdx, m.trainIdx) for m in matches if m.distance <= ALIKE], int).reshape(-1, 2)
    if len(pairs) < 3:
        return 0, None
    here, there = first.points[pairs[:, 0]], second.points[pairs[:, 1]]
    # RANSAC draws from OpenCV's own generator: the same pair must give the same count at any time.
    cv2.setRNGSeed(0)
    matrix, kept = cv2.estimateAffine2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=_PIXELS)
    if matrix is None or not _is_copying(matrix[:, :2]):
        return 0, None
    inside = kept.ravel().astype(bool)
    spans = (_span(here[inside]) / first.area, _span(there[inside]) / second.area)
    return (int(inside.sum()), matrix) if max(spans) >= _SPAN else (0, None)


def detail_correlation(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64]
) -> float:
    """Correlate the fine detail of two pictures where they overlap under an affine map.

    Children lying alike have ribs in one place, and dozens of corners agree; only a copy has the same detail between.

    Args:
        first: ``(H, W)`` uint8.
        second: ``(H, W)`` uint8.
        matrix: From the first to the second, as :func:`affine_match` returns it.

    Returns:
        Pearson correlation of both pictures without their coarse structure, 0 where they hardly overlap.
    """
    here, there = _small(first), _small(second)
    size = here.shape[1], here.shape[0]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(there, matrix, size, flags=flags)
    inside = cv2.erode(cv2.warpAffine(np.ones_like(there), matrix, size, flags=flags), np.ones((9, 9), np.uint8)) > 0
    if inside.mean() < _SPAN:
        return 0.0
    details = [_detail(picture)[inside] for picture in (here, moved)]
    deviations = [float(detail.std()) for detail in details]
    if min(deviations) == 0:
        return 0.0
    return float(np.mean((details[0] - details[0].mean()) * (details[1] - details[1].mean())) / np.prod(deviations))


def _detail(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Structures of two to six pixels: coarser ones are anatomy, finer ones noise and compression."""
    smooth = picture.astype(np.float32)
    return cv2.GaussianBlur(smooth, (0, 0), 1.5) - cv2.GaussianBlur(smooth, (0, 0), 5.0)


def _is_copying(linear: npt.NDArray[np.float64]) -> bool:
    large, small = np.linalg.svd(linear, compute_uv=False)
    return bool(small > 1 / _SCALE and large < _SCALE and large / small < _STRETCH)


def _span(points: npt.NDArray[np.float32]) -> float:
    return float(np.prod(np.ptp(points, axis=0))) if len(points) else 0.0


def find_copies(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, inliers: int = INLIERS
) -> list[Copies]:
    """Find pictures in different splits that are copies of each other, re-cropped ones too.

    Corners of all splits but the largest are looked up among all others' first; only pictures with several corners
    alike are compared in full, which makes the search linear in candidates instead of quadratic in pictures.

    Args:
        dataset: Pictures of two or more splits.
        progress: Called with (pictures done, pictures in all); each is described, and those of the smaller splits are
            then compared.
        inliers: Corners that have to agree.

    Returns:
        The copies, most corners first.

    Raises:
        DataError: A picture cannot be read.
    """
    splits = np.array([record.split for record in dataset.records])
    names, counts = np.unique(splits, return_counts=True)
    asking = np.flatnonzero(splits != names[counts.argmax()])
    step, total = progress or (lambda done, total: None), len(dataset) + len(asking)
    features = []
    for number in range(len(dataset)):
        features.append(local_features(dataset.load(number)))
        step(number + 1, total)
    found: dict[tuple[int, int], Copies] = {}
    for done, (one, others) in enumerate(_candidates(features, splits, asking), 1):
        for other in others.tolist():
            pair = min(one, other), max(one, other)
            if pair not in found and (copies := compare(dataset, features, *pair, inliers)) is not None:
                found[pair] = copies
        step(len(dataset) + done, total)
    return sorted(found.values(), key=lambda copies: -copies.corners)


def compare(
    dataset: Dataset, features: Sequence[LocalFeatures], first: int, second: int, inliers: int = INLIERS
) -> Copies | None:
    """Compare two pictures in full.

    Args:
        dataset: The pictures.
        features: Their corners, by position.
        first: Position of one picture.
        second: Position of the other.
        inliers: Corners that have to agree.

    Returns:
        What they have in common; None where they are no copies.
    """
    corners, matrix = affine_match(features[first], features[second])
    if matrix is None or corners < inliers:
        return None
    correlation = detail_correlation(dataset.load(first), dataset.load(second), matrix)
    if correlation < CORRELATION and corners < SURE:
        return None
    ids = dataset.records[first].id, dataset.records[second].id
    return Copies(*ids, corners, round(correlation, 4))


def _candidates(
    features: Sequence[LocalFeatures], splits: npt.NDArray[np.str_], asking: npt.NDArray[np.int64]
) -> "list[tuple[int, npt.NDArray[np.int64]]]":
    """For every asking picture return those of other splits with at least ``VOTES`` corners alike."""
    votes = np.zeros((len(asking), len(features)), np.int32)
    for split in np.unique(splits[asking]):
        held = np.flatnonzero(splits != split)
        rows = np.flatnonzero(splits[asking] == split)
        votes[rows] += _votes(
            [features[i] for i in asking[rows].tolist()], [features[i] for i in held.tolist()], held, len(features)
        )
    return [(int(first), np.flatnonzero(votes[row] >= VOTES)) for row, first in enumerate(asking)]


def _votes(
    asking: Sequence[LocalFeatures],
    held: Sequence[LocalFeatures],
    numbers: npt.NDArray[np.int64],
    count: int,
) -> npt.NDArray[np.int32]:
    """Count, for each asking picture, the corners whose nearest descriptors lie in each picture: ``(A, count)``."""
    import faiss

    votes = np.zeros((len(asking), count), np.int32)
    owners = np.repeat(numbers, [len(one.points) for one in held])
    if not len(owners):
        return votes
    index = faiss.IndexBinaryFlat(256)
    index.add(np.concatenate([one.descriptors for one in held]))
    for row, one in enumerate(asking):
        if len(one.points):
            distances, positions = index.search(one.descriptors, min(NEIGHBOURS, len(owners)))
            np.add.at(votes[row], owners[positions[distances <= ALIKE]], 1)
    return votes
