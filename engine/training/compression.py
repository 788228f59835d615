"""What JPEG loses, for a whole batch at once: the quantization of 8x8 cosine coefficients (ITU-T T.81)."""

import numpy as np
import scipy.fft
import torch
from torch import Tensor

BLOCK = 8
# T.81 Annex K.1, luminance.
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def compress(pictures: Tensor, qualities: Tensor) -> Tensor:
    """Return gray pictures as they come back from JPEG.

    Args:
        pictures: ``(B, H, W)`` float, 0..255; height and width are multiples of 8.
        qualities: ``(B,)`` float, 1..100, as the Independent JPEG Group's encoder scales the table.

    Returns:
        ``(B, H, W)`` float, whole gray levels 0..255.

    Example:
        >>> flat = torch.full((1, 8, 8), 78.5)
        >>> bool((compress(flat, torch.tensor([50.0])) == 78).all())  # the mean's step is 16 / 8 gray levels
        True
    """
    count, height, width = pictures.shape
    basis = torch.from_numpy(scipy.fft.dct(np.eye(BLOCK), axis=0, norm="ortho")).to(pictures)
    blocks = pictures.view(count, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(2, 3) - 128
    steps = _steps(qualities)[:, None, None]
    coefficients = (basis @ blocks @ basis.T / steps).round() * steps
    restored = (basis.T @ coefficients @ basis).transpose(2, 3).reshape(count, height, width)
    return (restored + 128).round().clamp(0, 255)


def _steps(qualities: Tensor) -> Tensor:
    """Return the quantization table of every quality, ``(B, 8, 8)``."""
    scale = torch.where(qualities < 50, 5000 / qualities, 200 - 2 * qualities).floor()
    table = torch.from_numpy(LUMINANCE).to(qualities)
    return ((table * scale[:, None, None] + 50) / 100).floor().clamp(1, 255)
