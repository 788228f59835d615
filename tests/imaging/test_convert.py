import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.imaging import ImageError, encode_jpeg, encode_png, load_image, resize, to_uint8


def test_8_bit_is_returned_as_it_is(picture):
    assert to_uint8(picture) is picture


def test_16_bit_ranges():
    values = np.array([[1000, 2000, 3000]], np.uint16)
    assert to_uint8(values).tolist() == [[0, 128, 255]]
    assert to_uint8(values, "full").tolist() == [[4, 8, 12]]
    assert to_uint8(np.full((2, 2), 9, np.uint16)).max() == 0


def test_other_dtypes_and_ranges_are_refused():
    with pytest.raises(ImageError):
        to_uint8(np.zeros((2, 2)))
    with pytest.raises(ImageError):
        to_uint8(np.zeros((2, 2), np.uint16), "window")


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 90), st.integers(16, 90), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 99))
def test_png_round_trip_is_exact(height, width, dtype, seed):
    image = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width), dtype=dtype)
    assert np.array_equal(load_image(encode_png(image)), image)


def test_colour_png_keeps_the_order_of_channels():
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[..., 0] = 200
    assert np.array_equal(np.array(Image.open(io.BytesIO(encode_png(rgb)))), rgb)


def test_jpeg_is_close_and_smaller_at_lower_quality(picture):
    assert np.abs(load_image(encode_jpeg(picture)).astype(int) - picture).mean() < 2
    assert len(encode_jpeg(picture, 30)) < len(encode_jpeg(picture, 90))


def test_jpeg_of_16_bit_shows_the_range_of_the_data(picture):
    deep = picture.astype(np.uint16) * 8
    assert np.abs(load_image(encode_jpeg(deep)).astype(int) - picture).mean() < 2


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 300), st.integers(16, 300), st.integers(1, 200))
def test_resize_sets_the_shorter_side_and_keeps_the_aspect(height, width, side):
    result = resize(np.zeros((height, width), np.uint16), side)
    assert min(result.shape) == side
    assert result.dtype == np.uint16
    assert abs(max(result.shape) - max(height, width) * side / min(height, width)) <= 0.5 + 1e-9


def test_shrinking_averages_area(picture):
    halves = picture.reshape(60, 2, 45, 2).mean(axis=(1, 3))
    assert np.abs(resize(picture, 45) - halves).max() <= 0.51


def test_impossible_arguments_are_refused(picture):
    for call in (
        lambda: resize(picture, 0),
        lambda: encode_png(np.zeros((4, 4, 2), np.uint8)),
        lambda: encode_png(np.zeros((4, 4))),
        lambda: encode_jpeg(np.zeros((0, 4), np.uint8)),
    ):
        with pytest.raises(ImageError):
            call()
