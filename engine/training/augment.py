"""Random views of framed pictures for training, all of them blind to which hospital a picture came from.

In COVIDx-like collections the label is nearly the source (DeGrave et al. 2021). Each step removes a trace by which
a network could tell the source instead of the disease: framing, exposure, sharpness, compression, markers, and -
by mixing amplitude spectra between pictures while keeping the phase - the overall texture of a scanner.

A batch is one tensor, so that the same lines serve a processor and a GPU. What is drawn per picture comes from one
NumPy generator: a seed gives the same views on every device, but for the noise.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.hashing.preprocess import BLUR
from engine.training.clahe import equalise
from engine.training.compression import compress
from engine.training.config import Augmentation

KERNEL_RADIUS = 4


def random_frames(
    count: int,
    side: int,
    cached_side: int,
    cached_margin: float,
    margin: float,
    strength: Augmentation,
    draw: np.random.Generator,
) -> np.ndarray:
    """Draw affine maps from view pixels to pixels of cached pictures that were framed with a wider margin.

    Returns:
        ``(count, 2, 3)`` float64 as ``cv2.warpAffine(..., flags=WARP_INVERSE_MAP)`` takes them; mirrored views in half
        of the draws.
    """
    scale = cached_side / side * (1 + 2 * margin) / (1 + 2 * cached_margin)
    apart, together = draw.uniform(-strength.zoom, strength.zoom, (2, count, 2))
    zoom = 1 + 0.7 * apart + 0.5 * together[:, :1]
    angle = np.deg2rad(draw.uniform(-strength.rotation, strength.rotation, count))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    linear = scale * turn * zoom[:, None]
    linear[draw.random(count) < 0.5, :, 0] *= -1
    centre = (cached_side - 1) / 2 + draw.uniform(-strength.shift, strength.shift, (count, 2)) * cached_side
    offset = centre - linear @ np.full(2, (side - 1) / 2)
    return np.concatenate([linear, offset[..., None]], 2)


def random_views(
    cached: Tensor,
    partners: Tensor,
    frames: np.ndarray,
    side: int,
    strength: Augmentation,
    draw: np.random.Generator,
    enhanced: bool = True,
) -> Tensor:
    """Return a batch of augmented network inputs.

    Args:
        cached: ``(B, S, S)`` uint8 framed pictures.
        partners: ``(B, S, S)`` uint8 other ones, whose amplitude spectrum may be mixed in.
        frames: ``(B, 2, 3)``, the affine maps of :func:`random_frames`.
        side: Side of a view, a multiple of 8.
        strength: How strong each step is.
        draw: Source of randomness.
        enhanced: Whether CLAHE is applied.

    Returns:
        ``(B, 1, side, side)`` float32, each with mean 0 and deviation 1, on the device of ``cached``.
    """
    count = len(cached)
    views = blur(warp(cached, frames, side), np.full(count, BLUR)).round()
    chosen = np.flatnonzero(draw.random(count) < strength.spectrum)
    if len(chosen):
        others = functional.interpolate(partners[chosen, None].float(), (side, side), mode="area")[:, 0]
        views[chosen] = mix_spectra(views[chosen], others, draw.uniform(0, strength.spectrum_share, len(chosen)))
    views = _expose(views, strength.expose, draw)
    views = _degrade(views, strength.degrade, draw)
    views = _erase(views, strength.erase, draw)
    if enhanced:
        views = equalise(views.round(), _column(2.0 + strength.expose * draw.uniform(-0.5, 1.0, count), views))
    return standardise(views)[:, None]


def standardise(views: Tensor) -> Tensor:
    """Return ``(B, H, W)`` pictures with mean 0 and deviation 1 each; flat pictures become all zeros."""
    spread, mean = torch.std_mean(views, (1, 2), correction=0, keepdim=True)
    return (views - mean) / spread.clamp_min(1.0)


def sampling_grid(frames: np.ndarray, side: int, cached_side: int, cells: int, device: torch.device) -> Tensor:
    """Return where the cells of views lie in cached pictures, for ``grid_sample`` without aligned corners.

    Args:
        frames: ``(B, 2, 3)`` affine maps from view pixels to cached pixels.
        side: Side of a view in pixels.
        cached_side: Side of a cached picture in pixels.
        cells: Cells along each side of a view; ``side`` for its pixels.
        device: Where the grid is made.

    Returns:
        ``(B, cells, cells, 2)`` float32 in units of half a cached picture.
    """
    # Pixel centres lie at odd multiples of 1 / side there.
    half_view, half_cached = side / 2, cached_side / 2
    linear, offset = frames[:, :, :2], frames[:, :, 2]
    centre = linear @ np.full(2, half_view - 0.5) + offset + 0.5
    theta = np.concatenate([linear * half_view / half_cached, (centre[..., None] - half_cached) / half_cached], 2)
    maps = torch.from_numpy(theta).float().to(device)
    return functional.affine_grid(maps, [len(frames), 1, cells, cells], align_corners=False)


def warp(cached: Tensor, frames: np.ndarray, side: int) -> Tensor:
    """Cut views out of ``(B, S, S)`` pictures, mirrored beyond the edge: ``(B, side, side)`` float32."""
    grid = sampling_grid(frames, side, cached.shape[-1], side, cached.device)
    pictures = cached[:, None].float()
    return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)[:, 0]


def blur(views: Tensor, deviations: np.ndarray) -> Tensor:
    """Blur each of ``(B, H, W)`` pictures by a Gaussian of its own deviation in pixels; 0 leaves it as it is."""
    offsets = np.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1)
    kernels = np.exp(-0.5 * (offsets / np.maximum(deviations, 1e-3)[:, None]) ** 2)
    kernel = torch.from_numpy(kernels / kernels.sum(1, keepdims=True)).float().to(views.device)
    padded = functional.pad(views[None], (KERNEL_RADIUS,) * 4, mode="reflect")
    across = functional.conv2d(padded, kernel[:, None, None], groups=len(views))
    return functional.conv2d(across, kernel[:, None, :, None], groups=len(views))[0]


def mix_spectra(views: Tensor, others: Tensor, shares: np.ndarray) -> Tensor:
    """Blend the amplitude spectrum of other pictures in and keep the phase (Xu et al., CVPR 2021).

    Args:
        views: ``(B, S, S)`` float, 0..255.
        others: ``(B, S, S)`` float, 0..255.
        shares: ``(B,)``; 0 leaves a picture as it is, 1 takes the other's amplitude whole.

    Returns:
        ``(B, S, S)`` float, 0..255.
    """
    spectrum, share = torch.fft.rfft2(views), _column(shares, views)[:, None, None]
    foreign = torch.fft.rfft2(others).abs() / spectrum.abs().clamp_min(1e-6)
    return torch.fft.irfft2(spectrum * (1 - share + share * foreign), views.shape[1:]).clamp(0, 255)


def _expose(views: Tensor, strength: float, draw: np.random.Generator) -> Tensor:
    """Gamma, contrast and brightness."""
    ranges = (
        (-0.5 * strength, 0.5 * strength),
        (1 - 0.4 * strength, 1 + 0.3 * strength),
        (-0.1 * strength, 0.1 * strength),
    )
    gamma, contrast, brightness = (_column(draw.uniform(*ends, len(views)), views)[:, None, None] for ends in ranges)
    values = (views / 255).clamp(1e-6, 1) ** gamma.exp()
    return ((values - 0.5) * contrast + 0.5 + brightness).clamp(0, 1) * 255


def _degrade(views: Tensor, probability: float, draw: np.random.Generator) -> Tensor:
    """Blur, noise and JPEG, each for some of the pictures."""
    count = len(views)
    blurred, noisy, pressed = draw.random((3, count)) < probability
    views = blur(views, np.where(blurred, draw.uniform(0.3, 1.2, count), 0.0))
    generator = torch.Generator(views.device).manual_seed(int(draw.integers(2**62)))
    spread = _column(np.where(noisy, draw.uniform(1, 8, count), 0.0), views)[:, None, None]
    views = (views + spread * torch.randn(views.shape, device=views.device, generator=generator)).clamp(0, 255)
    chosen = np.flatnonzero(pressed)
    if len(chosen):
        views[chosen] = compress(views[chosen], _column(draw.integers(30, 90, len(chosen)), views))
    return views


def _erase(views: Tensor, probability: float, draw: np.random.Generator) -> Tensor:
    """Paint one or two flat patches over a border or anywhere, as letters, arrows and collimators do."""
    count, side = len(views), views.shape[-1]
    painted = draw.random(count) < probability
    place = torch.arange(side, device=views.device)
    for patch in range(2):
        shown = painted & (patch < draw.integers(1, 3, count))
        size = draw.integers(side // 12, side // 4, (2, count))
        anywhere = draw.integers(0, side - size)
        start = np.choose(draw.integers(0, 3, (2, count)), [np.zeros_like(size), side - size, anywhere])
        (top, left), (bottom, right) = _column(start, views), _column(np.where(shown, start + size, start), views)
        rows = (place >= top[:, None]) & (place < bottom[:, None])
        columns = (place >= left[:, None]) & (place < right[:, None])
        gray = _column(draw.integers(0, 256, count), views)[:, None, None]
        views = torch.where(rows[:, :, None] & columns[:, None, :], gray, views)
    return views


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device, torch.float32)
