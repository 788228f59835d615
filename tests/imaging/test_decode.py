import io
import os
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from engine.errors import VaultError
from engine.imaging import MAX_BYTES, ImageError, encode_jpeg, encode_png, load_image
from engine.imaging.limits import MAX_PIXELS, MAX_SIDE, MIN_SIDE, check_dimensions
from tests.imaging.conftest import dicom_bytes
from tests.imaging.mutation import mutate


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width, height):
    """A valid gray PNG of zeros, built row by row, whose file is a thousandth of its pixels."""
    row = bytes(width + 1)
    deflate = zlib.compressobj(9)
    body = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def saved(picture, kind, mode=None, **options):
    buffer = io.BytesIO()
    image = Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(buffer, kind, **options)
    return buffer.getvalue()


def test_png_is_exact_at_8_and_16_bit(picture):
    deep = picture.astype(np.uint16) * 201 + 7
    for expected in (picture, deep):
        loaded = load_image(encode_png(expected))
        assert loaded.dtype == expected.dtype
        assert np.array_equal(loaded, expected)


def test_jpeg_equals_another_decoder_within_one_level(picture):
    data = saved(picture, "JPEG", quality=80)
    peer = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.abs(load_image(data).astype(int) - peer).max() <= 1


def test_progressive_jpeg_is_read(picture):
    assert load_image(saved(picture, "JPEG", progressive=True)).shape == picture.shape


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_every_png_mode_of_a_gray_picture_gives_the_same_gray(picture, mode):
    assert np.array_equal(load_image(saved(picture, "PNG", mode)), picture)


def test_colour_becomes_bt601_luminance():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    luminance = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(load_image(encode_png(rgb)) - luminance).max() <= 1


def test_the_orientation_mark_is_applied(picture):
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    data = saved(picture, "PNG", exif=exif)
    assert np.array_equal(load_image(data), picture[::-1, ::-1])


def test_the_kind_is_told_from_the_content_alone(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "BMP")
    with pytest.raises(ImageError, match="not a PNG, JPEG or DICOM"):
        load_image(buffer.getvalue())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        ("picture.png", "got str"),
        (b"hello, this is a letter and not an X-ray" * 9, "not a PNG, JPEG or DICOM"),
        (bytes(MAX_BYTES + 1), "more than the 100 MB"),
        (encode_png(np.zeros((1, 1), np.uint8)), "too small"),
        (encode_jpeg(np.zeros((1, 1), np.uint8)), "too small"),
        (b"\x89PNG\r\n\x1a\n", "PNG file is truncated or damaged"),
        (b"\xff\xd8\xff", "JPEG file is truncated or damaged"),
    ],
    ids=["0 bytes", "a name", "text", "101 MB", "1x1 PNG", "1x1 JPEG", "PNG signature", "JPEG signature"],
)
def test_bad_input_is_one_sentence(data, says):
    with pytest.raises(ImageError, match=says) as caught:
        load_image(data)
    message = str(caught.value)
    assert isinstance(caught.value, VaultError)
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("level", [0, 90, 255])
@pytest.mark.parametrize("encode", [encode_png, encode_jpeg], ids=["PNG", "JPEG"])
def test_a_flat_picture_is_refused_and_two_levels_are_not(encode, level):
    pixels = np.full((40, 50), level, np.uint8)
    with pytest.raises(ImageError, match="one flat colour"):
        load_image(encode(pixels))
    pixels[10:20] = 128
    assert load_image(encode(pixels)).shape == (40, 50)


@pytest.mark.parametrize("level", [0, 4095])
def test_a_flat_deep_picture_is_refused(level):
    with pytest.raises(ImageError, match="one flat colour"):
        load_image(encode_png(np.full((40, 50), level, np.uint16)))


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg], ids=["PNG", "JPEG"])
def test_a_file_that_lost_any_part_of_its_end_is_refused(picture, encode):
    data = encode(picture)
    for length in [*range(3, len(data) - 16, 97), *range(len(data) - 16, len(data))]:
        with pytest.raises(ImageError):
            load_image(data[:length])


def test_a_changed_pixel_byte_of_a_png_is_refused(picture):
    data = bytearray(encode_png(picture))
    data[len(data) // 2] ^= 1
    with pytest.raises(ImageError, match="truncated or damaged"):
        load_image(bytes(data))


def test_a_13000_pixel_bomb_is_refused_before_decoding(recwarn, monkeypatch):
    bomb = png_bomb(13_000, 13_000)
    assert len(bomb) < 200_000
    decoded = []
    monkeypatch.setattr(PngImageFile, "load", lambda picture: decoded.append(picture.size))
    with pytest.raises(ImageError, match="13000 x 13000"):
        load_image(bomb)
    assert not decoded
    assert not recwarn.list


def test_a_jpeg_with_declared_giant_size_is_refused(picture):
    data = bytearray(encode_jpeg(picture))
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageError, match="60000 x 60000"):
        load_image(bytes(data))


def test_a_jpeg_of_endless_scans_is_refused(picture):
    data = saved(picture, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="too many scans"):
        load_image(data[:-2] + scan * 100 + data[-2:])


def in_use():
    """Open files and resident pages of this process; nothing where the system does not say."""
    if not os.path.isdir("/proc/self/fd"):
        return 0, 0
    with open("/proc/self/statm") as statm:
        return len(os.listdir("/proc/self/fd")), int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# A file that made the decoder hang would be the one that this limit names.
@pytest.mark.timeout(120)
def test_500_mutated_files_give_a_picture_or_an_image_error(picture):
    """Nothing but ImageError escapes, what comes back keeps the promised shape and dtype, and nothing is kept."""
    deep = picture.astype(np.uint16) * 16
    seeds = [
        encode_png(picture),
        encode_png(deep),
        encode_jpeg(picture),
        saved(picture, "JPEG", progressive=True),
        dicom_bytes(deep, WindowCenter=2000, WindowWidth=3000),
    ]
    rng = random.Random(2024)
    refused = 0
    for number in range(500):
        if number == 100:  # what the decoders set up once is there by now
            files, memory = in_use()
        data = mutate(seeds[number % len(seeds)], rng)
        try:
            image = load_image(data)
        except ImageError:
            refused += 1
        else:
            assert image.ndim == 2
            assert image.dtype in (np.uint8, np.uint16)
    assert 150 < refused < 500
    assert in_use()[0] <= files
    assert in_use()[1] - memory < 32 * 2**20


def test_every_side_up_to_its_limits_is_allowed_and_not_one_pixel_more() -> None:
    check_dimensions(MIN_SIDE, MIN_SIDE)
    check_dimensions(MAX_PIXELS // MAX_SIDE, MAX_SIDE)
    for height, width in ((MIN_SIDE - 1, MIN_SIDE), (MIN_SIDE, MAX_SIDE + 1), (MAX_PIXELS // MAX_SIDE + 1, MAX_SIDE)):
        with pytest.raises(ImageError):
            check_dimensions(height, width)
