import cv2
import numpy as np
import pytest

from engine.hashing.preprocess import network_input, standardise
from engine.training.augment import Augmentation, mix_spectrum, plain_view, random_frame, random_view

STILL = Augmentation(shift=0, zoom=0, rotation=0, spectrum=0, erase=0, degrade=0)


def picture(seed: int, side: int = 80) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


def test_mixing_no_share_changes_nothing_but_rounding() -> None:
    image = picture(0)
    assert np.abs(mix_spectrum(image, picture(1), 0.0).astype(int) - image).max() <= 1


def test_mixing_everything_takes_the_others_amplitude_and_keeps_the_phase() -> None:
    # Amplitudes are compared before clipping to 0..255, so both pictures stay well inside.
    image, other = picture(0) // 4 + 96, picture(1) // 4 + 96
    mixed = np.fft.rfft2(mix_spectrum(image, other, 1.0).astype(float))
    strong = np.abs(np.fft.rfft2(other)) > 2000
    np.testing.assert_allclose(np.abs(mixed)[strong], np.abs(np.fft.rfft2(other))[strong], rtol=0.15)
    turned = np.angle(mixed[strong] / np.fft.rfft2(image)[strong])
    assert np.abs(turned).mean() < 0.2


def test_the_same_draw_gives_the_same_view() -> None:
    views = []
    for _ in range(2):
        draw = np.random.default_rng(7)
        frame = random_frame(64, 80, 0.12, 0.04, Augmentation(), draw)
        views.append(random_view(picture(0), picture(1), frame, 64, Augmentation(), draw))
    np.testing.assert_array_equal(*views)


@pytest.mark.parametrize("seed", range(20))
def test_every_view_is_standardised(seed: int) -> None:
    draw = np.random.default_rng(seed)
    frame = random_frame(64, 80, 0.12, 0.04, Augmentation(), draw)
    view = random_view(picture(seed), picture(seed + 1), frame, 64, Augmentation(), draw)
    assert view.dtype == np.float32
    assert abs(float(view.mean())) < 1e-3
    assert abs(float(view.std()) - 1) < 1e-3


def test_a_still_frame_is_the_plain_view_or_its_mirror_image() -> None:
    """Validation must see what training sees when nothing is drawn."""
    side, margin, cached_margin = 64, 0.04, 0.12
    frame = random_frame(side, 80, cached_margin, margin, STILL, np.random.default_rng(0))
    plain = plain_view(picture(0), cached_margin, margin, side)
    warped = cv2.warpAffine(picture(0), frame, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    for flipped in (warped, warped[:, ::-1]):
        if np.corrcoef(flipped.ravel(), plain.ravel())[0, 1] > 0.8:
            return
    pytest.fail("neither orientation agrees")


def test_the_plain_view_of_a_cached_frame_is_the_networks_input() -> None:
    """Training caches a wide frame, the hasher frames from scratch: both must show the network the same."""
    from engine.datasets import load_dataset
    from engine.imaging.framing import frame_chest

    gallery = load_dataset("simulated")
    for i in (0, 1, 2):
        image = gallery.load(i)
        cached = plain_view(frame_chest(image, 160, 0.12), 0.12, 0.04, 128)
        assert np.corrcoef(cached.ravel(), network_input(image, 128).ravel())[0, 1] > 0.97


def test_a_flat_picture_is_all_zeros() -> None:
    np.testing.assert_array_equal(standardise(np.full((4, 4), 9, np.uint8)), np.zeros((4, 4), np.float32))
