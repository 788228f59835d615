"""JPEG and PNG files that lack data, and sound ones with something behind them."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.imaging import ImageError, encode_png, load_image
from tests.imaging.test_decode import png_chunk

TRAILERS = [b"\0" * 64, b"\xff\xda\xff\xd8\xff\xd9" * 20, b"ftypmp42" + bytes(range(256)) * 40]


def jpeg(picture, **options):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def noisy(picture):
    return (picture // 2 + np.random.default_rng(3).integers(0, 99, picture.shape)).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"quality": 100}, {"progressive": True}, {"restart_marker_blocks": 5}])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_half_a_jpeg_with_an_end_mark_is_refused(picture, options, share):
    data = jpeg(noisy(picture), **options)
    start = data.rindex(b"\xff\xda") + 14
    cut = start + int(share * (len(data) - start))
    with pytest.raises(ImageError, match="truncated or damaged"):
        load_image(data[:cut].rstrip(b"\xff") + b"\xff\xd9")


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("quality", [30, 75, 95, 100])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_whole_jpegs_are_read(picture, colour, quality, options):
    pixels = np.stack([noisy(picture), picture, picture[::-1]], 2) if colour else noisy(picture)
    for rows in (120, 113, 16):
        data = jpeg(pixels[:rows], quality=quality, **options)
        peer = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
        assert np.array_equal(load_image(data), peer)


def test_a_lost_restart_interval_is_refused(picture):
    data = jpeg(noisy(picture), restart_marker_blocks=5)
    third, fourth = data.index(b"\xff\xd2"), data.index(b"\xff\xd3")
    with pytest.raises(ImageError, match="truncated or damaged"):
        load_image(data[:third] + data[fourth:])


@pytest.mark.parametrize("trailer", TRAILERS)
def test_what_lies_behind_a_sound_picture_is_left_alone(picture, trailer):
    for data in (jpeg(picture), jpeg(picture, progressive=True), encode_png(picture)):
        assert np.array_equal(load_image(data + trailer), load_image(data))


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("rows", [0, 1, 59, 119])
def test_a_png_with_rows_missing_is_refused(rows, interlaced):
    header = struct.pack(">IIBBBBB", 90, 120, 8, 0, 0, 0, interlaced)
    body = zlib.compress(bytes(rows * 91))
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="truncated or damaged"):
        load_image(data)


def test_deep_pngs_keep_their_depth(picture):
    deep = picture.astype(np.uint16) * 16 + 7
    gray_alpha = np.dstack([deep, np.full_like(deep, 65535)])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in gray_alpha)
    header = struct.pack(">IIBBBBB", 90, 120, 16, 4, 0, 0, 0)
    packed = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    colour = cv2.imencode(".png", np.dstack([deep] * 3))[1].tobytes()
    for data in (b"\x89PNG\r\n\x1a\n" + packed, colour, encode_png(deep)):
        found = load_image(data)
        assert found.dtype == np.uint16
        assert np.array_equal(found, deep)


def test_deep_colour_becomes_bt601_luminance():
    rgb = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    assert np.abs(load_image(encode_png(rgb)) - rgb @ np.array([0.299, 0.587, 0.114])).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_picture_is_turned_as_an_8_bit_one(picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = []
    for pixels in (picture, picture.astype(np.uint16) * 257):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
        found.append(load_image(buffer.getvalue()))
    assert np.array_equal(found[0].astype(np.uint16) * 257, found[1])
