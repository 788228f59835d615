"""Find re-cropped copies: pictures that show the same pixels, cut out otherwise, rescaled and encoded again.

Thumbnails miss them, since a crop moves everything. Local features find them: ORB (Rublee et al., ICCV 2011) describes
corners by 256 bits whatever their size and turn; a copy's corners lie where one affine map puts the original's, which
RANSAC tells from corners that merely look alike (Fischler and Bolles 1981).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engine.datasets.dataset import Dataset

SIDE = 512
CORNERS = 400
INLIERS = 20
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
    factor = min(1.0, SIDE / max(image.shape))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else image
    # Local contrast: dark and bright exposures of one picture have the same corners then.
    even = cv2.createCLAHE(2.0, (8, 8)).apply(small)
    keypoints, descriptors = cv2.ORB.create(nfeatures=count, fastThreshold=7).detectAndCompute(even, None)
    if descriptors is None:
        return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), float(small.size))
    points = np.array([point.pt for point in keypoints], np.float32)
    return LocalFeatures(points, descriptors.astype(np.uint8, copy=False), float(small.size))


def affine_inliers(first: LocalFeatures, second: LocalFeatures) -> int:
    """Count the corners of two pictures that one affine map lays upon each other.

    Args:
        first: Corners of one picture.
        second: Corners of the other.

    Returns:
        The number; 0 where no map of a possible copy is found.
    """
    if min(len(first.points), len(second.points)) < 3:
        return 0
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(first.descriptors, second.descriptors)
    pairs = np.array([(m.queryIdx, m.trainIdx) for m in matches if m.distance <= ALIKE], int).reshape(-1, 2)
    if len(pairs) < 3:
        return 0
    here, there = first.points[pairs[:, 0]], second.points[pairs[:, 1]]
    # RANSAC draws from OpenCV's own generator: the same pair must give the same count at any time.
    cv2.setRNGSeed(0)
    matrix, kept = cv2.estimateAffine2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=_PIXELS)
    if matrix is None or not _is_copying(matrix[:, :2]):
        return 0
    inside = kept.ravel().astype(bool)
    spans = (_span(here[inside]) / first.area, _span(there[inside]) / second.area)
    return int(inside.sum()) if max(spans) >= _SPAN else 0


def _is_copying(linear: npt.NDArray[np.float64]) -> bool:
    large, small = np.linalg.svd(linear, compute_uv=False)
    return bool(small > 1 / _SCALE and large < _SCALE and large / small < _STRETCH)


def _span(points: npt.NDArray[np.float32]) -> float:
    return float(np.prod(np.ptp(points, axis=0))) if len(points) else 0.0


def find_copies(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, inliers: int = INLIERS
) -> list[tuple[str, str, int]]:
    """Find pictures in different splits that are copies of each other, re-cropped ones too.

    Corners of all splits but the largest are looked up among all others' first; only pictures with several corners
    alike are compared in full, which makes the search linear in candidates instead of quadratic in pictures.

    Args:
        dataset: Pictures of two or more splits.
        progress: Called with (pictures done, pictures in all); each is described, and those of the smaller splits are
            then compared.
        inliers: Corners that have to agree.

    Returns:
        (id, id, corners that agree), most corners first.

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
    found = []
    for done, (first, others) in enumerate(_candidates(features, splits, asking), 1):
        for second in others:
            agreeing = affine_inliers(features[first], features[second])
            if agreeing >= inliers:
                found.append((first, int(second), agreeing))
        step(len(dataset) + done, total)
    ids = [record.id for record in dataset.records]
    once = {(min(a, b), max(a, b)): agreeing for a, b, agreeing in found}
    return [(ids[a], ids[b], agreeing) for (a, b), agreeing in sorted(once.items(), key=lambda item: -item[1])]


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
