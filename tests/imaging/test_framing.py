import numpy as np
import pytest

from engine.imaging import ImageError
from engine.imaging.framing import ChestBox, chest_template, cut_box, find_chest, frame_chest, match_template


def planted(x: int, y: int, width: int, height: int, shape: tuple[int, int] = (384, 384)) -> np.ndarray:
    """A noisy picture with the chest template painted into it."""
    import cv2

    template = chest_template()
    gray = (template - template.min()) / np.ptp(template) * 160 + 40
    picture = np.full(shape, 120.0) + np.random.default_rng(0).normal(0, 3, shape)
    picture[y : y + height, x : x + width] = cv2.resize(gray, (width, height))
    return picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("x", "y", "width", "height"), [(60, 40, 240, 240), (100, 120, 230, 200), (20, 90, 270, 270)])
def test_a_planted_chest_is_found(x: int, y: int, width: int, height: int) -> None:
    box = find_chest(planted(x, y, width, height))
    assert box.x + box.width / 2 == pytest.approx(x + width / 2, abs=25)
    assert box.y + box.height / 2 == pytest.approx(y + height / 2, abs=25)
    assert box.width == pytest.approx(width, rel=0.2)


def test_the_box_scales_with_the_picture() -> None:
    small = planted(60, 40, 240, 240)
    large = np.kron(small, np.ones((2, 2), np.uint8))
    np.testing.assert_allclose(np.array(find_chest(large))[1:], np.array(find_chest(small))[1:] * 2, rtol=0.1, atol=8)


def test_noise_scores_below_a_chest() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (384, 384), dtype=np.uint8)
    assert find_chest(noise).score < 0.6 < find_chest(planted(60, 40, 240, 240)).score


def test_cutting_the_whole_picture_at_its_size_changes_nothing() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (64, 64), dtype=np.uint8)
    np.testing.assert_array_equal(cut_box(picture, ChestBox(1.0, 0, 0, 64, 64), 64), picture)


def test_cutting_equals_slicing_on_whole_pixels() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (100, 120), dtype=np.uint8)
    np.testing.assert_array_equal(cut_box(picture, ChestBox(1.0, 30, 20, 50, 50), 50), picture[20:70, 30:80])


def test_a_wider_margin_shows_more() -> None:
    picture = np.zeros((200, 200), np.uint8)
    picture[50:150, 50:150] = 255
    box = ChestBox(1.0, 50, 50, 100, 100)
    assert cut_box(picture, box, 100).min() == 255
    assert cut_box(picture, box, 100, margin=0.2).mean() == pytest.approx(255 / 1.4**2, rel=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (17, 90)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_shape_and_depth_is_framed(shape: tuple[int, int], dtype: type) -> None:
    framed = frame_chest(np.full(shape, 100, dtype), 64)
    assert framed.shape == (64, 64)
    assert framed.dtype == np.uint8


def test_depth_does_not_move_the_box() -> None:
    picture = planted(60, 40, 240, 240)
    deep = (picture.astype(np.uint16) - picture.min()) * 200
    np.testing.assert_allclose(np.array(find_chest(deep))[1:], np.array(find_chest(picture))[1:], atol=4.5)


def test_a_template_as_large_as_the_picture_still_answers() -> None:
    box = match_template(np.random.default_rng(4).normal(size=(8, 96)).astype(np.float32), chest_template())
    assert np.isfinite(box).all()


@pytest.mark.parametrize("shape", [(50, 60, 3), (60,), (0, 5), ()])
def test_what_is_no_gray_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="gray picture"):
        frame_chest(np.zeros(shape, np.uint8), 32)
