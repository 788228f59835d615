"""Find the lungs in a chest X-ray and cut every picture to the same frame.

Collections differ in how much neck, arm and border they show, and a network reads the hospital off that. A chest
looks much the same everywhere once its brightness is normalised, so a 40x40 template (the mean of aligned
training pictures, made without any label by ``scripts/make_chest_template.py``) is matched by normalised
cross-correlation over position, width and aspect ratio. About 4 ms a picture.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from engine.imaging.convert import to_uint8
from engine.imaging.limits import ImageError

_LONGER_SIDE = 96
_TEMPLATE_SIDE = 40
# How far a box may reach over the edge; further out, the mirrored border would match itself.
_MARGIN = 5
_WIDTHS = (44, 50, 56, 62, 68, 75, 82, 90)
_ASPECTS = (0.85, 1.0, 1.15)
_TEMPLATE_FILE = Path(__file__).with_name("chest_template.npy")


class ChestBox(NamedTuple):
    """Where the lungs are, in pixels of the picture searched; the box may reach over the picture's edge."""

    score: float
    x: float
    y: float
    width: float
    height: float


def find_chest(image: np.ndarray) -> ChestBox:
    """Return the box of the lungs that matches the chest template best.

    Args:
        image: ``(H, W)`` uint8 or uint16 chest X-ray.

    Returns:
        The box; ``score`` is the normalised cross-correlation, about 0.8 on a chest and below 0.5 on other pictures.

    Raises:
        ImageError: Another shape or dtype, or no pixel.
    """
    if np.ndim(image) != 2 or np.size(image) == 0:
        raise ImageError(f"A chest X-ray is a gray picture of shape (H, W), not an array of shape {np.shape(image)}.")
    scale = max(image.shape) / _LONGER_SIDE
    box = match_template(normalise_contrast(image), chest_template())
    return ChestBox(box.score, box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def frame_chest(image: np.ndarray, side: int, margin: float = 0.0) -> np.ndarray:
    """Cut the lungs out and resample them to a square.

    Args:
        image: ``(H, W)`` uint8 or uint16 chest X-ray.
        side: Side of the result in pixels.
        margin: Share of the box's side added on every edge.

    Returns:
        ``(side, side)`` uint8; 16-bit pictures are scaled by their own range.

    Raises:
        ImageError: Another shape or dtype, or no pixel.
    """
    box = find_chest(image)
    return cut_box(to_uint8(image), box, side, margin)


def cut_box(image: np.ndarray, box: ChestBox, side: int, margin: float = 0.0) -> np.ndarray:
    """Resample ``box``, widened by ``margin``, to ``(side, side)``; beyond the edge the picture is mirrored."""
    width, height = box.width * (1 + 2 * margin), box.height * (1 + 2 * margin)
    left, top = box.x - margin * box.width, box.y - margin * box.height
    # A bilinear sample of a larger picture would alias: shrink by area first, one path for every source.
    shrink = min(1.0, side / min(width, height))
    if shrink < 1.0:
        size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
        fx, fy = size[0] / image.shape[1], size[1] / image.shape[0]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        left, top, width, height = left * fx, top * fy, width * fx, height * fy
    to_source = np.array(
        [
            [width / side, 0, left + (width / side - 1) / 2],
            [0, height / side, top + (height / side - 1) / 2],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_source, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT)


def normalise_contrast(image: np.ndarray) -> np.ndarray:
    """Shrink to 96 pixels on the longer side and divide out local mean and deviation (float32)."""
    scale = _LONGER_SIDE / max(image.shape)
    size = (max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale)))
    small = cv2.resize(to_uint8(image), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), 10, borderType=cv2.BORDER_REFLECT)
    spread = cv2.GaussianBlur(detail * detail, (0, 0), 10, borderType=cv2.BORDER_REFLECT)
    # The constant keeps flat borders flat: noise of 4 gray levels is not structure.
    return detail / np.sqrt(spread + 16)


def match_template(normalised: np.ndarray, template: np.ndarray) -> ChestBox:
    """Return the best box over position, width and aspect, in pixels of ``normalised``."""
    border = (_MARGIN,) * 4
    padded = cv2.copyMakeBorder(normalised, *border, cv2.BORDER_REFLECT)
    boxes = [_match_size(padded, template, width, round(width * aspect)) for width in _WIDTHS for aspect in _ASPECTS]
    return max(boxes, key=lambda box: box.score)


def _match_size(padded: np.ndarray, template: np.ndarray, width: int, height: int) -> ChestBox:
    if width > padded.shape[1] or height > padded.shape[0]:
        return ChestBox(-1.0, 0.0, 0.0, float(padded.shape[1]), float(padded.shape[0]))
    fx, fy = _TEMPLATE_SIDE / width, _TEMPLATE_SIDE / height
    # Rounding may fall a pixel short of the template's side.
    size = (
        max(_TEMPLATE_SIDE, round(padded.shape[1] * fx)),
        max(_TEMPLATE_SIDE, round(padded.shape[0] * fy)),
    )
    scores = cv2.matchTemplate(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), template, cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    return ChestBox(float(score), x / fx - _MARGIN, y / fy - _MARGIN, float(width), float(height))


@functools.cache
def chest_template() -> np.ndarray:
    """Return the shipped ``(40, 40)`` float32 template."""
    return np.load(_TEMPLATE_FILE, allow_pickle=False)
