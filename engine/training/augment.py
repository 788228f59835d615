"""Random views of framed pictures for training, all of them blind to which hospital a picture came from.

In COVIDx-like collections the label is nearly the source (DeGrave et al. 2021). Each step removes a trace by which
a network could tell the source instead of the disease: framing, exposure, sharpness, compression, markers, and -
by mixing amplitude spectra between pictures while keeping the phase - the overall texture of a scanner.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from engine.hashing.preprocess import BLUR, prepare_frame, standardise


@dataclass(frozen=True)
class Augmentation:
    """Strengths of the random steps; probabilities are per picture.

    Attributes:
        shift: Largest shift of the frame, share of its side.
        zoom: Largest change of the frame's size, share.
        rotation: Largest rotation in degrees.
        spectrum: Probability of taking part of another picture's amplitude spectrum.
        spectrum_share: Largest share taken.
        erase: Probability of painting over a corner or border, where markers sit.
        degrade: Probability of each of blur, noise and JPEG.
    """

    shift: float = 0.06
    zoom: float = 0.10
    rotation: float = 8.0
    spectrum: float = 0.1
    spectrum_share: float = 0.5
    erase: float = 0.3
    degrade: float = 0.15


def random_frame(
    side: int,
    cached_side: int,
    cached_margin: float,
    margin: float,
    strength: Augmentation,
    draw: np.random.Generator,
) -> np.ndarray:
    """Draw an affine map from view pixels to pixels of a cached picture that was framed with a wider margin.

    Returns:
        ``(2, 3)`` float64 for ``cv2.warpAffine(..., flags=WARP_INVERSE_MAP)``; a mirrored view in half of the draws.
    """
    scale = cached_side / side * (1 + 2 * margin) / (1 + 2 * cached_margin)
    zoom = 1 + draw.uniform(-strength.zoom, strength.zoom, 2) * 0.7 + draw.uniform(-strength.zoom, strength.zoom) * 0.5
    angle = np.deg2rad(draw.uniform(-strength.rotation, strength.rotation))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn * zoom
    if draw.random() < 0.5:
        linear[:, 0] *= -1
    centre = (cached_side - 1) / 2 + draw.uniform(-strength.shift, strength.shift, 2) * cached_side
    return np.column_stack([linear, centre - linear @ np.full(2, (side - 1) / 2)])


def random_view(
    cached: np.ndarray,
    partner: np.ndarray,
    frame: np.ndarray,
    side: int,
    strength: Augmentation,
    draw: np.random.Generator,
    enhanced: bool = True,
) -> np.ndarray:
    """Return one augmented network input.

    Args:
        cached: ``(S, S)`` uint8 framed picture.
        partner: Another one, whose amplitude spectrum may be mixed in.
        frame: The affine map of :func:`random_frame`.
        side: Side of the view.
        strength: How strong each step is.
        draw: Source of randomness.
        enhanced: Whether CLAHE is applied.

    Returns:
        ``(side, side)`` float32 with mean 0 and deviation 1.
    """
    view = _warp(cached, frame, side)
    view = cv2.GaussianBlur(view, (0, 0), BLUR)
    if draw.random() < strength.spectrum:
        other = cv2.resize(partner, (side, side), interpolation=cv2.INTER_AREA)
        view = mix_spectrum(view, other, draw.uniform(0, strength.spectrum_share))
    view = _expose(view, draw)
    view = _degrade(view, strength.degrade, draw)
    if draw.random() < strength.erase:
        view = _erase(view, draw)
    if not enhanced:
        return standardise(view)
    clahe = cv2.createCLAHE(draw.uniform(1.5, 3.0), (8, 8))
    return standardise(clahe.apply(view))


def plain_view(cached: np.ndarray, cached_margin: float, margin: float, side: int, enhanced: bool = True) -> np.ndarray:
    """Return the view that :func:`engine.hashing.preprocess.network_input` would give, cut from a cached frame."""
    scale = len(cached) / side * (1 + 2 * margin) / (1 + 2 * cached_margin)
    offset = (len(cached) - 1) / 2 - scale * (side - 1) / 2
    view = _warp(cached, np.array([[scale, 0, offset], [0, scale, offset]]), side)
    return prepare_frame(view, enhanced)


def mix_spectrum(image: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Blend the amplitude spectrum of ``other`` into ``image`` and keep the phase (Xu et al., CVPR 2021).

    Args:
        image: ``(S, S)`` uint8.
        other: ``(S, S)`` uint8.
        share: 0 leaves the picture as it is, 1 takes the other's amplitude whole.

    Returns:
        ``(S, S)`` uint8.
    """
    spectrum, foreign = np.fft.rfft2(image), np.fft.rfft2(other)
    amplitude = np.abs(spectrum)
    blended = spectrum * ((1 - share) + share * np.abs(foreign) / np.maximum(amplitude, 1e-6))
    return np.clip(np.fft.irfft2(blended, image.shape), 0, 255).astype(np.uint8)


def _warp(cached: np.ndarray, frame: np.ndarray, side: int) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(cached, frame, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _expose(view: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Gamma, contrast and brightness through one table."""
    values = np.linspace(0, 1, 256) ** np.exp(draw.uniform(-0.5, 0.5))
    values = (values - 0.5) * draw.uniform(0.6, 1.3) + 0.5 + draw.uniform(-0.1, 0.1)
    return cv2.LUT(view, np.clip(values * 255, 0, 255).astype(np.uint8))


def _degrade(view: np.ndarray, probability: float, draw: np.random.Generator) -> np.ndarray:
    if draw.random() < probability:
        view = cv2.GaussianBlur(view, (0, 0), draw.uniform(0.3, 1.2))
    if draw.random() < probability:
        noise = draw.standard_normal(view.shape, dtype=np.float32) * draw.uniform(1, 8)
        view = np.clip(view + noise, 0, 255).astype(np.uint8)
    if draw.random() < probability:
        quality = int(draw.integers(30, 90))
        compressed = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        view = np.asarray(cv2.imdecode(compressed, cv2.IMREAD_GRAYSCALE))
    return view


def _erase(view: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Paint one or two flat patches over a border or anywhere, as letters, arrows and collimators do."""
    view, side = view.copy(), len(view)
    for _ in range(draw.integers(1, 3)):
        height, width = draw.integers(side // 12, side // 4, 2)
        top = draw.choice([0, side - height, draw.integers(0, side - height)])
        left = draw.choice([0, side - width, draw.integers(0, side - width)])
        view[top : top + height, left : left + width] = draw.integers(0, 256)
    return view
