"""Feature maps of a frozen ImageNet VGG-16, the knowledge of natural pictures that the encoder is taught.

COVIDx-open is small and its hospitals differ by label. Features that never saw a label of it transfer better to
other hospitals than ones trained from scratch; distilling them carries part of that into MATDH.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.files import written_whole
from engine.training.augment import sampling_grid

_log = logging.getLogger(__name__)
TEACHER_SIDE = 192
COMPONENTS = 64


@dataclass(frozen=True)
class Lesson:
    """What is taught about the views of a batch.

    Attributes:
        maps: ``(B, M, h, w)`` float, a cell for every 16 pixels of a view.
        pooled: ``(B, P)`` float32, standardised.
        posterior: ``(B, C)`` float32 class probabilities.
    """

    maps: Tensor
    pooled: Tensor
    posterior: Tensor


class Teacher(Protocol):
    """Who can say something about a batch of views."""

    @property
    def sizes(self) -> tuple[int, int]:
        """M and P of its lessons."""

    def lesson(self, views: Tensor, positions: np.ndarray, frames: np.ndarray) -> Lesson:
        """Teach ``(B, 1, S, S)`` views, cut by ``frames`` from the pictures at ``positions``."""


@dataclass(frozen=True)
class StoredTeacher:
    """What a frozen network saw on every whole training picture, once; a view is taught the part that it shows.

    Attributes:
        maps: ``(N, 64, 12, 12)`` float16 leading components of the last convolutional map, whitened.
        pooled: ``(N, 1024)`` float32 mean and maximum of each channel, standardised over the collection.
        posterior: ``(N, C)`` float32 class probabilities, each by a classifier of ``pooled`` that was fitted without
            the picture's patient.
        side: Side of the frames that the maps show and views are cut from, pixels.
    """

    maps: Tensor
    pooled: Tensor
    posterior: Tensor
    side: int

    @property
    def sizes(self) -> tuple[int, int]:
        """Channels of the maps and of the pooled ones."""
        return self.maps.shape[1], self.pooled.shape[1]

    def lesson(self, views: Tensor, positions: np.ndarray, frames: np.ndarray) -> Lesson:
        """Look the pictures up and warp the maps as the views were."""
        side = views.shape[-1]
        maps = align_maps(self.maps[positions], frames, side, self.side, side // 16)
        rows = (maps, self.pooled[positions], self.posterior[positions])
        return Lesson(*(row.to(views.device) for row in rows))


def reduce_maps(
    maps: Tensor, labels: np.ndarray, groups: np.ndarray, side: int, fit: int | None = None
) -> StoredTeacher:
    """Reduce raw teacher maps to what is worth teaching.

    Args:
        maps: ``(N, 512, h, w)``.
        labels: ``(N,)`` int64 classes.
        groups: ``(N,)`` str patients.
        side: Side of the frames that the maps show, pixels.
        fit: Centre, basis and scale come from the first ``fit`` pictures; from all when None.

    Raw activations are sparse and share a large mean, which a student matches without learning anything about the
    single picture; what varies is left after centring, projecting and whitening.
    """
    pooled = torch.cat([maps.float().mean((2, 3)), maps.float().amax((2, 3))], 1)
    pooled = (pooled - pooled[:fit].mean(0)) / (pooled[:fit].std(0) + 1e-3)
    sample = maps[:fit, :, ::3, ::3].float().permute(0, 2, 3, 1).flatten(0, 2)
    mean = sample.mean(0)
    values, vectors = torch.linalg.eigh((sample - mean).T.cov())
    basis = vectors[:, -COMPONENTS:] / values[-COMPONENTS:].sqrt()
    components = [torch.einsum("nchw,ck->nkhw", part.float(), basis).half() for part in maps.split(128)]
    shift = (mean @ basis).half()
    posterior = held_out_posterior(pooled, labels, groups)
    return StoredTeacher(torch.cat(components) - shift[:, None, None], pooled, posterior, side)


def held_out_posterior(
    features: Tensor, labels: np.ndarray, groups: np.ndarray, *, folds: int = 5, decay: float = 0.3
) -> Tensor:
    """Class probabilities of every picture by a linear classifier that never saw its patient.

    A classifier's word on its own training pictures is nearly their label and teaches nothing; on others it says
    which pictures look like which class.

    Args:
        features: ``(N, D)`` float32, standardised.
        labels: ``(N,)`` int64 classes, each with pictures in every fold.
        groups: ``(N,)`` str; a group lies in one fold.
        folds: Parts of the groups, each judged by a classifier of the others.
        decay: Weight of the squared weights; chosen on the validation split (AUC 0.968 there).

    Returns:
        ``(N, C)`` float32.
    """
    names, member = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names))[member] % folds
    posterior = torch.empty(len(labels), int(labels.max()) + 1)
    for number in range(folds):
        kept, judged = (torch.from_numpy(mask) for mask in (fold != number, fold == number))
        classifier = fit_linear(features[kept], torch.from_numpy(labels)[kept], decay)
        with torch.no_grad():
            posterior[judged] = classifier(features[judged]).softmax(1)
    return posterior


def fit_linear(features: Tensor, labels: Tensor, decay: float) -> nn.Linear:
    """Fit multinomial logistic regression with classes weighted evenly.

    Args:
        features: ``(N, D)`` float32.
        labels: ``(N,)`` int64.
        decay: Weight of half the sum of squared weights.
    """
    counts = torch.bincount(labels)
    layer = nn.Linear(features.shape[1], len(counts))
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = functional.cross_entropy(layer(features), labels, len(labels) / (len(counts) * counts))
        total = fit + decay * layer.weight.square().sum() / 2
        total.backward()
        return total

    optimizer.step(loss)
    return layer


def teacher_maps(pixels: np.ndarray, weights: Path, cache: Path | None = None, batch: int = 16) -> Tensor:
    """Return the last convolutional map of VGG-16 for every framed picture.

    Args:
        pixels: ``(N, S, S)`` uint8 framed pictures.
        weights: ImageNet base, safetensors.
        cache: ``.npy`` file to keep the maps in.
        batch: Pictures at once.

    Returns:
        ``(N, 512, 12, 12)`` float16.
    """
    if cache is not None and cache.exists():
        return torch.from_numpy(np.load(cache, allow_pickle=False))
    from models.vgg16 import ImageNetBase

    base = ImageNetBase(weights).eval()
    maps = []
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in range(0, len(pixels), batch):
            gray = torch.from_numpy(pixels[start : start + batch])[:, None].float()
            gray = functional.interpolate(gray, size=(TEACHER_SIDE, TEACHER_SIDE), mode="bilinear")
            maps.append(base(gray).half())
            _log.info("teacher maps: %d of %d", start + len(gray), len(pixels))
    result = torch.cat(maps).contiguous()
    if cache is not None:
        with written_whole(cache) as partial:
            np.save(partial, result.numpy())
    return result


def align_maps(maps: Tensor, frames: np.ndarray, side: int, cached_side: int, cells: int) -> Tensor:
    """Warp teacher maps of whole frames to the random views the student sees.

    Args:
        maps: ``(N, C, h, w)`` maps of the cached frames.
        frames: ``(N, 2, 3)`` affine maps from view pixels to cached pixels.
        side: Side of a view in pixels.
        cached_side: Side of a cached frame in pixels.
        cells: Cells along each side of the result.

    Returns:
        ``(N, C, cells, cells)`` float32.
    """
    grid = sampling_grid(frames, side, cached_side, cells, maps.device)
    return functional.grid_sample(maps.float(), grid, padding_mode="border", align_corners=False)
