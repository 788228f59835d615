import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_windowing
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
)

from engine.imaging import PUBLIC, ImageError, encode_jpeg, encode_png, load_image
from engine.imaging.grayscale import window
from tests.imaging.conftest import dicom_bytes, voi_lut


@pytest.fixture(scope="module")
def deep(picture):
    """12-bit values in 16-bit words."""
    return picture.astype(np.uint16) * 16


def test_8_bit_pixels_come_back_exactly(picture):
    assert np.array_equal(load_image(dicom_bytes(picture)), picture)
    assert np.array_equal(load_image(dicom_bytes(picture, ImplicitVRLittleEndian)), picture)


def test_monochrome1_is_inverted(picture):
    assert np.array_equal(load_image(dicom_bytes(picture, PhotometricInterpretation="MONOCHROME1")), 255 - picture)


def test_12_bit_without_window_spans_16_bit(deep):
    loaded = load_image(dicom_bytes(deep, BitsStored=12))
    expected = np.rint((deep - deep.min()) / np.ptp(deep.astype(float)) * 65535)
    assert loaded.dtype == np.uint16
    assert np.abs(loaded - expected).max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_equal_pydicom(deep, function):
    tags = {"WindowCenter": 1800, "WindowWidth": 1500, "VOILUTFunction": function, "BitsStored": 12}
    data = dicom_bytes(deep, **tags)
    peer = apply_windowing(deep, dcmread(io.BytesIO(data))) / 4095 * 65535
    assert np.abs(load_image(data) - peer).max() <= 1


def test_rescale_comes_before_the_window(deep):
    """Slope 2, intercept -1000: a window given in rescaled units selects the same stored values."""
    plain = load_image(dicom_bytes(deep, WindowCenter=1500, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT"))
    rescaled = load_image(
        dicom_bytes(
            deep,
            RescaleSlope=2,
            RescaleIntercept=-1000,
            WindowCenter=2000,
            WindowWidth=2000,
            VOILUTFunction="LINEAR_EXACT",
        )
    )
    assert np.abs(plain.astype(int) - rescaled).max() <= 1


def test_a_rescale_that_changes_nothing_leaves_8_bit_pixels_as_they_are(picture):
    pale = picture // 2 + 60
    assert np.array_equal(load_image(dicom_bytes(pale, RescaleSlope=1, RescaleIntercept=0)), pale)


def test_a_rescale_without_a_window_is_stretched(picture):
    loaded = load_image(dicom_bytes(picture // 2 + 60, RescaleSlope=2, RescaleIntercept=-7))
    assert (loaded.min(), loaded.max()) == (0, 255)


def test_the_first_of_several_windows_is_used(deep):
    several = load_image(dicom_bytes(deep, WindowCenter=[1500, 40], WindowWidth=[1000, 80]))
    assert np.array_equal(several, load_image(dicom_bytes(deep, WindowCenter=1500, WindowWidth=1000)))


def test_signed_values_and_window_of_a_ct_like_slice(picture):
    values = picture.astype(np.int16) * 10 - 1000
    loaded = load_image(dicom_bytes(values, WindowCenter=40, WindowWidth=400, VOILUTFunction="LINEAR_EXACT"))
    expected = np.clip((values + 160) / 400, 0, 1) * 65535
    assert np.abs(loaded - expected).max() <= 1


def test_a_voi_lut_wins_over_a_window(picture):
    table = np.linspace(0, 65535, 256).astype(int)[::-1]
    data = dicom_bytes(picture, VOILUTSequence=[voi_lut(table)], WindowCenter=10, WindowWidth=5)
    assert np.abs(load_image(data).astype(float) - (255 - picture.astype(float))).max() <= 1


def test_a_few_entries_of_a_voi_lut_above_its_bits_are_white(picture):
    table = np.arange(256) * 4
    table[250:] = 2000
    loaded = load_image(dicom_bytes(picture, VOILUTSequence=[voi_lut(table, bits=10)]))
    assert np.abs(loaded - np.minimum(table[picture] / 1023, 1) * 255).max() <= 1


def test_colour_becomes_luminance():
    rgb = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    loaded = load_image(dicom_bytes(rgb, SamplesPerPixel=3, PhotometricInterpretation="RGB"))
    assert np.abs(loaded - rgb @ np.array([0.299, 0.587, 0.114])).max() <= 1


def test_jpeg_inside_dicom_is_read(picture):
    frame = encode_jpeg(picture, 95)
    data = dicom_bytes(picture, JPEGBaseline8Bit, PixelData=encapsulate([frame]))
    assert np.array_equal(load_image(data), load_image(frame))


def test_a_jpeg_of_endless_scans_inside_dicom_is_refused(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", progressive=True)
    frame = buffer.getvalue()
    endless = frame[:-2] + frame[frame.rindex(b"\xff\xda") : -2] * 100 + frame[-2:]
    with pytest.raises(ImageError, match="too many scans"):
        load_image(dicom_bytes(picture, JPEGBaseline8Bit, PixelData=encapsulate([endless])))


def test_a_compressed_frame_larger_than_declared_is_refused(picture):
    giant = bytearray(encode_jpeg(picture))
    start = giant.index(b"\xff\xc0") + 5
    giant[start : start + 4] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(ImageError):
        load_image(dicom_bytes(picture, JPEGBaseline8Bit, PixelData=encapsulate([bytes(giant)])))
    with pytest.raises(ImageError, match="declared size"):
        load_image(dicom_bytes(picture[:60], JPEGBaseline8Bit, PixelData=encapsulate([encode_jpeg(picture)])))


def test_nothing_of_the_tags_survives(picture):
    written = encode_png(load_image(dicom_bytes(picture)))
    assert b"Doe" not in written
    assert b"secret-identifier" not in written


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned into"),
        ({"PhotometricInterpretation": "HSV"}, "stores its pixels"),
        ({"Rows": 20_000, "Columns": 20_000}, "20000 x 20000"),
        ({"Rows": 1, "Columns": 1, "PixelData": b"\0\0"}, "too small"),
        ({"NumberOfFrames": 3}, "3 frames"),
        ({"Rows": 240}, "truncated"),
        ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "unknown VOI function"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refusals_are_one_sentence(picture, tags, says):
    with pytest.raises(ImageError, match=says) as caught:
        load_image(dicom_bytes(picture, **tags))
    assert str(caught.value).count(".") == 1


def test_a_volume_is_refused(picture):
    with pytest.raises(ImageError, match="5 frames or slices"):
        load_image(dicom_bytes(np.stack([picture] * 5)))


def test_burned_in_annotation_no_is_accepted(picture):
    assert load_image(dicom_bytes(picture, BurnedInAnnotation="NO")).shape == picture.shape


def test_a_dicom_file_cut_anywhere_is_refused(picture):
    data = dicom_bytes(picture)
    for length in [*range(132, 700, 23), *range(700, len(data) - 2, 1001), len(data) - 2]:
        with pytest.raises(ImageError):
            load_image(data[:length])


def test_a_deflated_bomb_is_refused_before_it_inflates(picture):
    """The body would unpack to 512 MB."""
    data = dicom_bytes(picture, DeflatedExplicitVRLittleEndian)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = data.index(b"1.2.840.10008.1.2.1.99") + len("1.2.840.10008.1.2.1.99")
    bomb = b"".join(deflate.compress(bytes(2**20)) for _ in range(512)) + deflate.flush()
    tracemalloc.start()
    with pytest.raises(ImageError, match="inflates to more than"):
        load_image(data[:start] + bomb, PUBLIC)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20


def test_an_object_without_pixels_is_refused(picture):
    dataset = dcmread(io.BytesIO(dicom_bytes(picture)))
    del dataset.PixelData
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(ImageError, match="holds no picture"):
        load_image(buffer.getvalue())


def test_jpeg_2000_inside_dicom_is_read(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG2000", irreversible=False, no_jp2=True)
    data = dicom_bytes(picture, JPEG2000Lossless, PixelData=encapsulate([buffer.getvalue()]))
    assert np.array_equal(load_image(data), picture)


def test_window_of_width_one_is_a_threshold():
    """PS3.3 C.11.2.1.2.1, note: width 1 splits at centre - 0.5."""
    assert window(np.array([9, 9.5, 10, 11]), 10, 1).tolist() == [0.0, 0.0, 1.0, 1.0]
