"""Compressed frames that end early are refused wherever they end, and high-throughput JPEG 2000 is read."""

import io
import struct
from base64 import b64decode

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import get_encoder
from pydicom.uid import JPEGLSLossless, RLELossless

from engine.imaging import ImageError, load_image
from engine.imaging.run_lengths import decode_run_lengths
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import dcmtk, jpeg2000, jpeg_lossless, jpeg_ls, rle, wave, with_frames

END = b"\xff\xd9"
# Made by OpenJPH 0.9 of x * 150 + y * 40 over 24 rows and 20 columns, 12 bits.
HTJ2K = b64decode(
    "/0//UQApQAAAAAAUAAAAGAAAAAAAAAAAAAAAFAAAABgAAAAAAAAAAAABCwEB/1AACAACAAAACP9SAAwAAgABAAUEBEAB/1wAEyBweHiA"
    "eHiAeHiAeHh4cHB4/2QAFgABT3BlbkpQSCBWZXIgMC45LjAu/5AACgAAAAAApgAB/5PAASjxAgd0AMAAmgAEwD7zA4d0AFr9Aod0AMAA"
    "mgAEwNPpAIt0AG37AAI0AMAAqYABVNM0/QAiMIJ2AGzZsv3AMYH+tgDAAK6AAVqiihIlqihR2C/X4gt3ALIymUz29AhGIQHsuADAAWtA"
    "AWqAKioqKioqKioqKioq7/p6enp6cYJ6AE7HcRzHcRzn/1ACPYQge/YQgey9AP/Z"
)


def noisy(bits, shape=(60, 48)):
    """A picture of which every row takes bytes."""
    values = wave(bits, shape)[0].astype(np.int64) + np.random.default_rng(0).integers(-3, 4, shape)
    return np.clip(values, 0, 2**bits - 1).astype(np.uint8 if bits <= 8 else np.uint16)


@pytest.fixture(
    scope="module", params=["JPEG Lossless", "JPEG-LS", "RLE", "JPEG 2000", "JPEG 2000 lossy", "JPEG 12 bits"]
)
def compressed(request, tmp_path_factory):
    """A DICOM file of 12 bits, its frame and its syntax."""
    pixels, folder = noisy(12), tmp_path_factory.mktemp("frames")
    native = dicom_bytes(pixels, BitsStored=12)
    make = {
        "JPEG Lossless": lambda: jpeg_lossless(native, folder),
        "JPEG-LS": lambda: jpeg_ls(native),
        "RLE": lambda: rle(native),
        "JPEG 2000": lambda: jpeg2000(pixels, BitsStored=12),
        "JPEG 2000 lossy": lambda: jpeg2000(pixels, lossy=True, BitsStored=12),
        "JPEG 12 bits": lambda: dcmtk("dcmcjpeg", native, folder, "+ee"),
    }
    data = make[request.param]()
    dataset = dcmread(io.BytesIO(data))
    return data, next(generate_frames(dataset.PixelData, number_of_frames=1)), dataset.file_meta.TransferSyntaxUID


@settings(deadline=None, max_examples=60)
@given(share=st.floats(0.01, 1), ended=st.booleans())
@example(share=0.99999, ended=True)
@example(share=0.9995, ended=True)
def test_a_frame_cut_anywhere_never_loses_a_pixel_in_silence(compressed, share, ended):
    data, frame, syntax = compressed
    cut = frame[: int(share * (len(frame) - 2))] + (END if ended and syntax != RLELossless else b"")
    try:
        seen = load_image(with_frames(data, syntax, cut))
    except ImageError:
        return
    # What is lost was the pad byte or the end mark.
    lost = seen != load_image(data)
    if syntax == JPEGLSLossless:
        # The code of the very last pixel may end in a byte that can be gone: zeros stand for it, to any decoder.
        lost[-1, -1] = False
    assert not lost.any()


@pytest.mark.parametrize("syntax", ["201", "202", "203"])
def test_high_throughput_jpeg_2000_is_read(syntax):
    y, x = np.mgrid[:24, :20]
    header = dicom_bytes(np.zeros((24, 20), np.uint16), BitsStored=12, WindowCenter=2048, WindowWidth=4096)
    seen = load_image(with_frames(header, "1.2.840.10008.1.2.4." + syntax, HTJ2K))
    assert np.abs(seen / 65535 - (x * 150 + y * 40) / 4095).max() < 1e-3


@pytest.mark.parametrize("cut", [3, 9, 60])
def test_high_throughput_jpeg_2000_cut_short_is_refused(cut):
    header = dicom_bytes(np.zeros((24, 20), np.uint16), BitsStored=12)
    with pytest.raises(ImageError, match="damaged"):
        load_image(with_frames(header, "1.2.840.10008.1.2.4.201", HTJ2K[:-cut]))


@given(pixels=st.binary(min_size=40, max_size=40))
def test_run_lengths_equal_pydicom(pixels):
    samples = np.frombuffer(pixels, "<u2").reshape(5, 4)
    options = {"rows": 5, "columns": 4, "samples_per_pixel": 1, "bits_allocated": 16, "bits_stored": 16}
    options |= {"photometric_interpretation": "MONOCHROME2", "number_of_frames": 1, "pixel_representation": 0}
    frame = get_encoder(RLELossless).encode(samples.tobytes(), encoding_plugin="pydicom", **options)
    np.testing.assert_array_equal(decode_run_lengths(frame, (5, 4, 1), 2)[..., 0], samples)


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<16I", 2, 64, 64, *[0] * 13),
        struct.pack("<16I", 1, 10, *[0] * 14),
        struct.pack("<16I", 1, 4000, *[0] * 14),
        b"\1\0",
    ],
)
def test_run_lengths_with_a_wrong_table_are_refused(header):
    with pytest.raises(ImageError, match="damaged"):
        decode_run_lengths(header + bytes([0xC1, 7]), (8, 8, 1), 1)
