import cv2
import numpy as np
import pytest
import torch

from engine.hashing.preprocess import network_input
from engine.hashing.preprocess import standardise as standardise_one
from engine.training.augment import blur, mix_spectra, random_frames, random_views, standardise, warp
from engine.training.config import Augmentation
from engine.training.pictures import plain_view

STILL = Augmentation(shift=0, zoom=0, rotation=0, spectrum=0, erase=0, degrade=0)
ALWAYS = Augmentation(spectrum=1, erase=1, degrade=1)


def picture(seed: int, side: int = 80) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


def batch(count: int, first: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.stack([picture(seed) for seed in range(first, first + count)]))


def draw_views(strength: Augmentation, seed: int = 7, count: int = 6) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    frames = random_frames(count, 64, 80, 0.12, 0.04, strength, draw)
    return random_views(batch(count), batch(count, 50), frames, 64, strength, draw)


def test_mixing_no_share_changes_nothing() -> None:
    images = batch(2).float()
    torch.testing.assert_close(mix_spectra(images, batch(2, 5).float(), np.zeros(2)), images, atol=1e-3, rtol=0)


def test_mixing_everything_takes_the_others_amplitude_and_keeps_the_phase() -> None:
    # Amplitudes are compared before clipping to 0..255, so both pictures stay well inside.
    image, other = (batch(1, seed).float() / 4 + 96 for seed in (0, 1))
    mixed = np.fft.rfft2(mix_spectra(image, other, np.ones(1)).numpy())
    amplitude = np.abs(np.fft.rfft2(other.numpy()))
    strong = amplitude > 2000
    np.testing.assert_allclose(np.abs(mixed)[strong], amplitude[strong], rtol=0.15)
    turned = np.angle(mixed[strong] / np.fft.rfft2(image.numpy())[strong])
    assert np.abs(turned).mean() < 0.2


def test_warping_is_opencvs() -> None:
    cached = batch(5)
    frames = random_frames(5, 64, 80, 0.12, 0.04, Augmentation(), np.random.default_rng(0))
    for mine, image, frame in zip(warp(cached, frames, 64).numpy(), cached.numpy(), frames, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        reference = cv2.warpAffine(
            image.astype(np.float32), frame, (64, 64), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        # OpenCV interpolates between thirty-seconds of a pixel.
        assert np.abs(mine - reference).mean() < 0.5


def test_every_picture_is_blurred_by_its_own_deviation() -> None:
    images, deviations = batch(3).float(), np.array([0.0, 0.7, 1.2])
    blurred = blur(images, deviations).numpy()
    np.testing.assert_allclose(blurred[0], images[0])
    for mine, image, deviation in zip(blurred[1:], images[1:], deviations[1:], strict=True):
        np.testing.assert_allclose(mine, cv2.GaussianBlur(image.numpy(), (9, 9), deviation), atol=1e-2)


@pytest.mark.parametrize("strength", [STILL, Augmentation(), ALWAYS])
def test_the_same_draw_gives_the_same_views(strength: Augmentation) -> None:
    first, again, other = (draw_views(strength, seed) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("seed", range(10))
def test_every_view_is_standardised(seed: int) -> None:
    views = draw_views(ALWAYS, seed)
    assert views.shape == (6, 1, 64, 64)
    assert views.dtype == torch.float32
    torch.testing.assert_close(views.mean((1, 2, 3)), torch.zeros(6), atol=1e-3, rtol=0)
    torch.testing.assert_close(views.std((1, 2, 3)), torch.ones(6), atol=1e-3, rtol=0)


def test_erasing_paints_flat_patches() -> None:
    painted = Augmentation(shift=0, zoom=0, rotation=0, spectrum=0, erase=1, degrade=0)
    draw = np.random.default_rng(1)
    frames = random_frames(6, 64, 80, 0.12, 0.04, painted, draw)
    views = random_views(batch(6), batch(6, 50), frames, 64, painted, draw, enhanced=False)[:, 0].numpy()
    for view in views:
        flat = np.diff(view, axis=1) == 0
        runs = cv2.erode(flat.astype(np.uint8), np.ones((5, 4), np.uint8))
        assert runs.any()


def test_a_still_frame_is_the_plain_view_or_its_mirror_image() -> None:
    """Validation must see what training sees when nothing is drawn."""
    side, margin, cached_margin = 64, 0.04, 0.12
    frames = random_frames(8, side, 80, cached_margin, margin, STILL, np.random.default_rng(0))
    plain = plain_view(picture(0), cached_margin, margin, side, enhanced=False)
    views = warp(batch(1).expand(8, -1, -1), frames, side).numpy()
    alike = [[np.corrcoef(v.ravel(), plain.ravel())[0, 1] for v in (view, view[:, ::-1])] for view in views]
    assert (np.max(alike, 1) > 0.99).all()
    assert len(np.unique(np.argmax(alike, 1))) == 2


def test_the_plain_view_of_a_cached_frame_is_the_networks_input() -> None:
    """Training caches a wide frame, the hasher frames from scratch: both must show the network the same."""
    from engine.datasets import load_dataset
    from engine.imaging.framing import frame_chest

    gallery = load_dataset("simulated")
    for i in (0, 1, 2):
        image = gallery.load(i)
        cached = plain_view(frame_chest(image, 160, 0.12), 0.12, 0.04, 128)
        assert np.corrcoef(cached.ravel(), network_input(image, 128).ravel())[0, 1] > 0.97


def test_standardising_a_batch_is_standardising_each() -> None:
    images = batch(3)
    for mine, image in zip(standardise(images.float()).numpy(), images.numpy(), strict=True):
        np.testing.assert_allclose(mine, standardise_one(image), atol=1e-5)
    assert not standardise(torch.full((1, 4, 4), 9.0)).any()
