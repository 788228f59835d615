import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.imaging import ImageError, enhance, local_contrast, to_uint8


@pytest.fixture(scope="module")
def large(picture):
    """Sides (151, 130) that no tile count of the tests divides."""
    return cv2.resize(picture, (130, 151), interpolation=cv2.INTER_CUBIC)


def clahe_oracle(image, clip_limit, tiles):
    """CLAHE from its definition, pixel by pixel: clip, spread, accumulate, blend the four nearest tiles.

    Counts are whole, and the rest of the clipped excess goes to evenly spaced bins, as in OpenCV.
    """
    height, width = image.shape
    whole = height % tiles == 0 and width % tiles == 0
    padding = [(0, 0 if whole else tiles - side % tiles) for side in image.shape]
    padded = np.pad(image, padding, mode="reflect")
    tall, wide = padded.shape[0] // tiles, padded.shape[1] // tiles
    tables = np.empty((tiles, tiles, 256))
    for row in range(tiles):
        for column in range(tiles):
            block = padded[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
            counts = np.bincount(block.ravel(), minlength=256)
            limit = max(int(clip_limit * block.size / 256), 1)
            share, rest = divmod(np.maximum(counts - limit, 0).sum(), 256)
            counts = np.minimum(counts, limit) + share
            counts[:: max(256 // max(rest, 1), 1)][:rest] += 1
            tables[row, column] = np.rint(np.cumsum(counts) * 255 / block.size)
    result = np.empty(image.shape)
    for y in range(height):
        for x in range(width):
            down, right = (y / tall) - 0.5, (x / wide) - 0.5
            rows = np.clip([np.floor(down), np.floor(down) + 1], 0, tiles - 1).astype(int)
            columns = np.clip([np.floor(right), np.floor(right) + 1], 0, tiles - 1).astype(int)
            a, b = down - np.floor(down), right - np.floor(right)
            corner = tables[np.ix_(rows, columns, [image[y, x]])][..., 0]
            result[y, x] = np.array([1 - a, a]) @ corner @ np.array([1 - b, b])
    return result


def test_the_memory_for_16_bits_grows_with_a_row_of_tiles_not_with_all() -> None:
    picture = np.random.default_rng(0).integers(0, 2**16, (64, 64), dtype=np.uint16)
    tracemalloc.start()
    enhance(picture, tiles=32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 32 * 2**16 * 4


@pytest.mark.parametrize(("clip_limit", "tiles"), [(2.0, 8), (4.0, 3), (40.0, 1)])
def test_gray_equals_the_definition_of_clahe(large, clip_limit, tiles):
    assert np.abs(enhance(large, clip_limit, tiles) - clahe_oracle(large, clip_limit, tiles)).max() <= 0.51


def test_gray_is_opencv_clahe_exactly(picture):
    assert np.array_equal(enhance(picture), cv2.createCLAHE(2.0, (8, 8)).apply(picture))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 513), (3, 2)])
def test_a_picture_with_fewer_pixels_than_tiles_is_enhanced_too(shape):
    gray = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    wanted = cv2.createCLAHE(2.0, (8, 8)).apply(gray)
    assert np.array_equal(enhance(gray), wanted)
    assert np.array_equal(enhance(np.repeat(gray[..., None], 3, 2))[..., 0], wanted)
    deep = enhance(gray.astype(np.uint16) * 257)
    assert deep.shape == shape
    assert deep.dtype == np.uint16


@settings(max_examples=30, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70), st.integers(0, 2**32 - 1))
def test_gray_equals_the_colour_path_on_equal_channels(height, width, seed):
    gray = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    colour = enhance(np.repeat(gray[..., None], 3, axis=2))
    assert np.array_equal(colour, np.repeat(enhance(gray)[..., None], 3, axis=2))


def test_colour_changes_luminance_and_keeps_chrominance():
    """Paper A Eq. 1-2 on muted colours, far from clipping at black and white."""
    rng = np.random.default_rng(3)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (96, 96)).astype(np.float32), (0, 0), 6)
    gray = cv2.normalize(smooth, None, 90, 160, cv2.NORM_MINMAX)
    rgb = np.rint(np.stack([gray + 12, gray, gray - 9], axis=2)).astype(np.uint8)
    result = enhance(rgb)
    wanted = enhance(np.rint(luminance(rgb)).astype(np.uint8))
    inside = (result > 0).all(axis=2) & (result < 255).all(axis=2)
    assert inside.mean() > 0.8
    assert np.abs(luminance(result) - wanted)[inside].mean() < 2
    for channel in (0, 2):
        before = rgb[..., channel].astype(int) - rgb[..., 1]
        after = result[..., channel].astype(int) - result[..., 1]
        assert np.abs(before - after)[inside].max() <= 3


def luminance(rgb):
    return rgb @ np.array([0.299, 0.587, 0.114])


def test_16_bit_equals_the_definition_of_clahe(large):
    deep = enhance(large.astype(np.uint16) * 257, tiles=2)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - clahe_oracle(large, 2.0, 2)).max() <= 4


def test_12_bit_data_in_a_16_bit_picture_gains_contrast(picture):
    twelve = picture.astype(np.uint16) * 4 + 1000
    assert to_uint8(enhance(twelve), "full").std() > 3 * to_uint8(twelve, "full").std()


def test_16_bit_keeps_more_than_256_levels():
    ramp = np.tile(np.arange(1024, dtype=np.uint16) * 60, (64, 1))
    assert len(np.unique(enhance(ramp))) > 900


def test_flat_pictures_stay_flat():
    for dtype in (np.uint8, np.uint16):
        assert np.ptp(enhance(np.full((64, 64), 77, dtype))) == 0


def test_the_input_is_not_changed(picture):
    for image in (picture.copy(), np.repeat(picture[..., None], 3, 2)):
        before = image.copy()
        enhance(image)
        assert np.array_equal(image, before)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (np.zeros((64, 64), np.float32), {}),
        (np.zeros((64, 64, 4), np.uint8), {}),
        (np.zeros((64, 64, 3), np.uint16), {}),
        (np.zeros((0, 64), np.uint8), {}),
        (np.zeros((64, 64), np.uint8), {"clip_limit": 0}),
        (np.zeros((64, 64), np.uint8), {"clip_limit": float("nan")}),
        (np.zeros((64, 64), np.uint8), {"tiles": 0}),
        (np.zeros((64, 64), np.uint8), {"tiles": 257}),
        (np.zeros((64, 64), np.uint16), {"tiles": 8.0}),
    ],
)
def test_out_of_range_arguments_are_refused(image, options):
    with pytest.raises(ImageError):
        enhance(image, **options)


@pytest.mark.parametrize("squares", [1, 7, 32, 500])
def test_local_contrast_is_the_mean_deviation_of_squares(large, squares):
    side = max(1, min(large.shape) // squares)
    found = [
        large[top : top + side, left : left + side].std()
        for top in range(0, large.shape[0] - side + 1, side)
        for left in range(0, large.shape[1] - side + 1, side)
    ]
    assert local_contrast(large, squares) == pytest.approx(np.mean(found), abs=0.01)
