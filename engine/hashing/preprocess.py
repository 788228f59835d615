"""What every hashing network sees: the lungs, in one frame, at one sharpness, enhanced and standardised.

One path for every source. Framing removes how much neck and arm a hospital shows, the blur removes the scanner's
sharpness and its JPEG history, CLAHE (paper A Eq. 1-2) and standardisation remove exposure. Paper A enhances the whole
picture first and then resizes to 256 and crops to 224; here CLAHE comes last, after framing, scaling and blur.
"""

import cv2
import numpy as np

from engine.imaging import enhance
from engine.imaging.framing import frame_chest

FRAME_MARGIN = 0.04
BLUR = 0.7


def network_input(
    image: np.ndarray, side: int = 128, enhanced: bool = True, margin: float = FRAME_MARGIN
) -> np.ndarray:
    """Prepare one picture for a hashing network.

    Args:
        image: ``(H, W)`` uint8 or uint16 chest X-ray as decoded.
        side: Side of the network's input in pixels.
        enhanced: Whether the network was trained on pictures under CLAHE.
        margin: Share of the lungs' box that is shown around it on every edge.

    Returns:
        ``(side, side)`` float32 with mean 0 and deviation 1.
    """
    return prepare_frame(frame_chest(image, side, margin), enhanced)


def prepare_frame(framed: np.ndarray, enhanced: bool = True) -> np.ndarray:
    """Blur, enhance and standardise a framed picture.

    Args:
        framed: ``(side, side)`` uint8, from ``frame_chest``.
        enhanced: Whether CLAHE is applied; paper A's ablation NoEnhanced leaves it out.

    Returns:
        ``(side, side)`` float32 with mean 0 and deviation 1.
    """
    blurred = cv2.GaussianBlur(framed, (0, 0), BLUR)
    return standardise(enhance(blurred) if enhanced else blurred)


def standardise(image: np.ndarray) -> np.ndarray:
    """Return the picture as float32 with mean 0 and deviation 1; a flat picture becomes all zeros."""
    values = image.astype(np.float32)
    return (values - values.mean()) / max(float(values.std()), 1.0)
