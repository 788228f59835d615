"""Every kind of DICOM picture that a clinic sends, each against what its pixels were before it was packed."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_modality_lut, apply_voi
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from engine.imaging import ImageError, load_image
from tests.imaging.conftest import dicom_bytes, voi_lut
from tests.imaging.encoders import dcmtk, jpeg2000, jpeg_lossless, jpeg_ls, rle, saved, wave, with_frames

DEPTHS = [(8, False), (10, False), (12, False), (12, True), (14, True), (16, False), (16, True)]


def shares(data):
    image = load_image(data)
    return image / np.iinfo(image.dtype).max


def changed(data, **tags):
    dataset = dcmread(io.BytesIO(data))
    for name, value in tags.items():
        setattr(dataset, name, value)
    return saved(dataset)


@pytest.mark.parametrize(("bits", "signed"), DEPTHS)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_every_lossless_syntax_gives_the_same_picture(bits, signed, photometric, tmp_path):
    pixels, share = wave(bits, (60, 48), signed)
    tags = {"BitsStored": bits, "PhotometricInterpretation": photometric}
    native = dicom_bytes(pixels, **tags)
    files = [native, dicom_bytes(pixels, ImplicitVRLittleEndian, **tags), rle(native), jpeg_lossless(native, tmp_path)]
    files += [jpeg_ls(native), jpeg2000(pixels, **tags)]
    expected = 1 - share if photometric == "MONOCHROME1" else share
    for data in files:
        assert np.abs(shares(data) - expected).max() < 2 / 255


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, True)])
@pytest.mark.parametrize(
    ("tool", "options", "tolerance"),
    [
        ("dcmcrle", (), 0.005),
        ("dcmcjpeg", ("+e1",), 0.005),
        ("dcmcjpeg", ("+el", "+sv", "4"), 0.005),
        ("dcmcjpls", ("+el",), 0.005),
        ("dcmcjpls", ("+en", "+md", "2"), 0.03),
        ("dcmconv", ("+td",), 0.005),
        ("dcmconv", ("+tb",), 0.005),
        ("dcmconv", ("-F",), 0.005),
        ("dcmconv", ("-F", "+ti"), 0.005),
    ],
    ids=["rle", "70", "57", "80", "81", "deflated", "big endian", "no preamble", "no preamble, implicit"],
)
def test_what_dcmtk_writes_is_read(bits, signed, tool, options, tolerance, tmp_path):
    pixels, share = wave(bits, signed=signed)
    if signed and "+en" in options:
        pytest.skip("DCMTK's near-lossless coder takes unsigned values")
    data = dcmtk(tool, dicom_bytes(pixels, BitsStored=bits), tmp_path, *options)
    assert np.abs(shares(data) - share).max() < tolerance


@pytest.mark.parametrize(("bits", "option"), [(8, "+eb"), (8, "+ee"), (12, "+ee")])
def test_lossy_jpeg_of_8_and_12_bits_is_read_without_a_word_on_the_terminal(bits, option, tmp_path, capfd):
    pixels, share = wave(bits)
    data = dcmtk("dcmcjpeg", dicom_bytes(pixels, BitsStored=bits), tmp_path, option, "+q", "98")
    assert np.abs(shares(data) - share).mean() < 0.02
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("tags", [{}, {"PhotometricInterpretation": "MONOCHROME1"}])
@pytest.mark.parametrize("shape", [None, "IDENTITY", "INVERSE"])
def test_polarity_is_what_dcm2pnm_says(tags, shape, tmp_path):
    pixels, _ = wave(8)
    tags = tags if shape is None else {**tags, "PresentationLUTShape": shape}
    data = dicom_bytes(pixels, **tags)
    dcmtk("dcm2pnm", data, tmp_path, "+on")
    peer = np.asarray(Image.open(tmp_path / "target.dcm").convert("L"))
    assert np.abs(load_image(data).astype(int) - peer).max() <= 1


@pytest.mark.parametrize("window", [(2048, 4096), (1500, 700)])
@pytest.mark.parametrize("function", ["LINEAR", "SIGMOID"])
def test_windows_are_what_dcm2pnm_shows(window, function, tmp_path):
    data = dicom_bytes(
        wave(12)[0], BitsStored=12, WindowCenter=window[0], WindowWidth=window[1], VOILUTFunction=function
    )
    dcmtk("dcm2pnm", data, tmp_path, "+on", "+Wi", "1")
    peer = np.asarray(Image.open(tmp_path / "target.dcm").convert("L")) / 255
    assert np.abs(shares(data) - peer).max() < 0.01


@pytest.mark.parametrize(("stored", "high"), [(12, 15), (12, 13), (10, 15), (8, 15), (6, 7), (7, 7), (5, 6)])
@pytest.mark.parametrize("signed", [0, 1])
def test_the_high_bit_says_where_the_bits_are(stored, high, signed):
    _, share = wave(stored)
    values = np.rint(share * (2**stored - 1)).astype(np.int64) - (signed << (stored - 1))
    words = ((values & (2**stored - 1)) << (high + 1 - stored)).astype(np.uint8 if high < 8 else np.uint16)
    # What lies in the other bits (overlays of old) is no part of the picture.
    words |= np.indices(words.shape).sum(0).astype(words.dtype) & ((1 << (high + 1 - stored)) - 1)
    data = changed(dicom_bytes(words, BitsStored=stored, PixelRepresentation=signed), HighBit=high)
    assert np.abs(shares(data) - share).max() < 0.01
    if (stored, words.itemsize) != (8, 2):  # which pydicom packs as if it were 8 of 8
        assert np.abs(shares(rle(data)) - share).max() < 0.01


def test_depths_of_at_most_8_bits_keep_their_own_range():
    """12 % to 60 % of the seven or eight bits that are stored are not stretched."""
    for stored in (6, 7, 8):
        values = np.linspace(0.12, 0.6, 900).reshape(30, 30) * (2**stored - 1)
        for dtype in (np.uint8, np.uint16):
            share = shares(dicom_bytes(np.rint(values).astype(dtype), BitsStored=stored))
            assert np.abs(share - np.rint(values) / (2**stored - 1)).max() < 0.01


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("bits", "signed", "padding", "limit"),
    [(12, False, 0, None), (12, False, 4095, None), (16, False, 65535, 65000), (12, True, -2048, -2000)],
)
@pytest.mark.parametrize("windowed", [False, True])
def test_padding_is_black_and_out_of_the_stretch(photometric, bits, signed, padding, limit, windowed):
    values = np.linspace(300, 1200, 1600).reshape(40, 40).astype(np.int16 if signed else np.uint16)
    pixels = np.pad(values, 9, constant_values=padding)
    tags = {"BitsStored": bits, "PhotometricInterpretation": photometric}
    tags |= {"WindowCenter": 750, "WindowWidth": 900, "VOILUTFunction": "LINEAR_EXACT"} if windowed else {}
    dataset = dcmread(io.BytesIO(dicom_bytes(pixels, **tags)))
    kind = "SS" if signed else "US"
    dataset.add_new("PixelPaddingValue", kind, padding)
    if limit is not None:
        dataset.add_new("PixelPaddingRangeLimit", kind, limit)
    share = shares(saved(dataset))
    inside = (values - 300.0) / 900
    assert np.abs(share[9:-9, 9:-9] - (1 - inside if photometric == "MONOCHROME1" else inside)).max() < 0.005
    share[9:-9, 9:-9] = 0
    assert share.max() == 0


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_voi_luts_of_any_depth_equal_pydicom(bits, photometric):
    pixels, _ = wave(12)
    table = np.rint((np.arange(4096) / 4095) ** 0.4 * (2**bits - 1)).astype(int)
    data = dicom_bytes(
        pixels, BitsStored=12, PhotometricInterpretation=photometric, VOILUTSequence=[voi_lut(table, bits=bits)]
    )
    # pydicom keeps the index in the table's own type, so it is given 16-bit entries.
    peer = apply_voi(pixels, dcmread(io.BytesIO(changed(data, VOILUTSequence=[voi_lut(table, bits=16)])))) / (
        2**bits - 1
    )
    assert np.abs(shares(data) - (1 - peer if photometric == "MONOCHROME1" else peer)).max() < 0.002


def test_voi_luts_packed_mislabelled_or_of_odd_first_values():
    pixels, share = wave(12)
    expected = share**0.5
    eight = np.rint((np.arange(4096) / 4095) ** 0.5 * 255).astype(np.uint8)
    twelve = np.rint((np.arange(4096) / 4095) ** 0.5 * 4095).astype("<u2")
    items = [voi_lut(eight, bits=8), voi_lut(twelve, bits=16), voi_lut(twelve, bits=8), voi_lut(eight, bits=16)]
    packed = voi_lut(eight, bits=8)
    packed["LUTData"].VR, packed["LUTData"].value = "OW", eight.tobytes()
    as_words = voi_lut(eight.view("<u2"), bits=8)
    as_words["LUTDescriptor"].value = [4096, 0, 8]
    wide = voi_lut(twelve, bits=16)
    wide["LUTData"].VR, wide["LUTData"].value = "OW", twelve.tobytes()
    for item in [*items, packed, as_words, wide]:
        assert np.abs(shares(dicom_bytes(pixels, BitsStored=12, VOILUTSequence=[item])) - expected).max() < 0.01
    signed, _ = wave(12, signed=True)
    item = voi_lut(twelve, first=65536 - 2048, bits=12)
    assert np.abs(shares(dicom_bytes(signed, BitsStored=12, VOILUTSequence=[item])) - expected).max() < 0.01


def test_a_modality_lut_equals_pydicom():
    pixels, _ = wave(10)
    item = voi_lut(np.arange(1024)[::-1] * 3, bits=16)
    item.ModalityLUTType = "US"
    data = dicom_bytes(pixels, BitsStored=10, ModalityLUTSequence=[item])
    peer = apply_modality_lut(pixels, dcmread(io.BytesIO(data))).astype(float)
    assert np.abs(shares(data) - (peer - peer.min()) / np.ptp(peer)).max() < 0.002


@pytest.mark.parametrize(
    ("centre", "width"), [("2047,5", "4095,0"), ("2047.5\\40", "4095\\80"), ("30000\\2047.5", "100\\4095")]
)
def test_windows_as_they_are_written(centre, width):
    """With a decimal comma, in plural, and the second where the first shows nothing."""
    pixels, share = wave(12)
    data = changed(dicom_bytes(pixels, BitsStored=12, VOILUTFunction="LINEAR_EXACT"), WindowCenter="1", WindowWidth="2")
    dataset = dcmread(io.BytesIO(data))
    for name, text in (("WindowCenter", centre), ("WindowWidth", width)):
        tag = dataset[name].tag
        raw = dataset.get_item(tag)
        padded = text.encode() + b" " * (len(text) % 2)
        data = data.replace(
            tag.group.to_bytes(2, "little")
            + tag.element.to_bytes(2, "little")
            + b"DS\x02\0"
            + str(raw.value)[:1].encode()
            + b" ",
            tag.group.to_bytes(2, "little")
            + tag.element.to_bytes(2, "little")
            + b"DS"
            + len(padded).to_bytes(2, "little")
            + padded,
        )
    assert np.abs(shares(data) - share).max() < 0.002


@pytest.mark.parametrize("window", [(30000, 100), (-9000, 5), (2048, 0), (2048, -7)])
def test_a_window_that_shows_nothing_is_passed_over(window):
    pixels, share = wave(12)
    data = dicom_bytes(pixels, BitsStored=12, WindowCenter=window[0], WindowWidth=window[1])
    assert np.abs(shares(data) - share).max() < 0.002


@pytest.mark.parametrize("value", [0, 77])
def test_a_flat_picture_is_refused(value):
    for pixels in (np.full((40, 40), value, np.uint16), np.full((40, 40), value, np.uint8)):
        with pytest.raises(ImageError, match="one flat colour"):
            load_image(dicom_bytes(pixels))


@pytest.mark.parametrize("syntax", [None, "1.2.840.10008.1.2.4.90"])
def test_a_flat_picture_before_others_says_how_many_frames_there_are(syntax):
    flat = np.zeros((40, 40), np.uint8)
    data = dicom_bytes(np.stack([flat] * 3), NumberOfFrames=1)
    if syntax:
        frame = next(generate_frames(dcmread(io.BytesIO(jpeg2000(flat))).PixelData, number_of_frames=1))
        data = with_frames(dicom_bytes(flat), syntax, frame, frame, frame)
    with pytest.raises(ImageError, match="3 frames, the first of one flat"):
        load_image(data)


def test_palettes_give_the_luminance_of_their_colours():
    pixels, _ = wave(8)
    ramp = np.arange(256, dtype=np.uint16) ** 2
    dataset = dcmread(io.BytesIO(dicom_bytes(pixels, PhotometricInterpretation="PALETTE COLOR")))
    for colour, factor in (("Red", 1.0), ("Green", 0.5), ("Blue", 0.25)):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", (ramp * factor).astype("<u2").tobytes())
    expected = ramp[pixels] * (0.299 + 0.587 * 0.5 + 0.114 * 0.25) / 65535
    assert np.abs(shares(saved(dataset)) - expected).max() < 0.004


@pytest.mark.parametrize(("name", "dtype"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_real_numbers_are_shown(name, dtype):
    _, share = wave(12)
    values = (share * 3 - 1).astype(dtype)
    values[0, 0] = np.nan
    dataset = dcmread(io.BytesIO(dicom_bytes(np.zeros(values.shape, np.uint16))))
    del dataset.PixelData, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    dataset.BitsAllocated = 8 * values.itemsize
    dataset.add_new(name, "OF" if dtype == "<f4" else "OD", values.tobytes())
    found = shares(saved(dataset))
    assert found[0, 0] == 0
    assert np.abs(found - share)[1:].max() < 0.002
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = 0.5, 1, "LINEAR_EXACT"
    assert np.abs(shares(saved(dataset)) - np.clip(share * 3 - 1, 0, 1))[1:].max() < 0.002


def test_32_bit_words_are_shown():
    _, share = wave(16)
    for dtype in (np.uint32, np.int32):
        pixels = (share * 3_000_000).astype(dtype) - (1_000_000 if dtype is np.int32 else 0)
        assert np.abs(shares(dicom_bytes(pixels.astype(dtype))) - share).max() < 0.002


def test_signed_jpeg_2000_is_signed_whatever_the_header_says():
    pixels, share = wave(12, signed=True)
    data = changed(jpeg2000(pixels, BitsStored=12), PixelRepresentation=0, WindowCenter=0, WindowWidth=4096)
    assert np.abs(shares(data) - share).max() < 0.002


def test_jpeg_2000_with_an_open_end_and_a_pad_byte_is_read():
    from openjpeg.utils import encode_array

    pixels, share = wave(12)
    frame = bytearray(encode_array(pixels, bits_stored=12, photometric_interpretation=2))
    start = frame.index(b"\xff\x90\x00\x0a")
    frame[start + 6 : start + 10] = bytes(4)
    frame += b"\0" * (1 + len(frame) % 2)
    data = with_frames(dicom_bytes(pixels, BitsStored=12), JPEG2000Lossless, bytes(frame))
    assert np.abs(shares(data) - share).max() < 0.002


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_jpeg_2000_cut_short_is_refused(cut):
    from openjpeg.utils import encode_array

    pixels, _ = wave(12)
    frame = bytes(encode_array(pixels, bits_stored=12, photometric_interpretation=2))
    with pytest.raises(ImageError):
        load_image(with_frames(dicom_bytes(pixels), JPEG2000Lossless, frame[: int(cut * len(frame))]))


def test_colour_of_every_layout_becomes_luminance():
    rgb = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    luminance = rgb @ np.array([0.299, 0.587, 0.114]) / 255
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    plain = dicom_bytes(rgb, **tags)
    planar = changed(plain, PlanarConfiguration=1, PixelData=np.moveaxis(rgb, 2, 0).tobytes())
    deep = dicom_bytes(rgb.astype(np.uint16) * 257, **tags)
    ycbcr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    full = dicom_bytes(ycbcr, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL")
    halved = np.stack([ycbcr[:, ::2, 0], ycbcr[:, 1::2, 0], ycbcr[:, ::2, 1], ycbcr[:, ::2, 2]], 2)
    sparse = changed(full, PhotometricInterpretation="YBR_FULL_422", PixelData=halved.tobytes())
    for data in (plain, planar, deep, full, sparse, rle(plain), jpeg_ls(plain)):
        assert np.abs(shares(data) - luminance).max() < 0.005


def test_a_second_picture_behind_the_first_is_left_alone():
    pixels, share = wave(8)
    data = changed(dicom_bytes(pixels), PixelData=pixels.tobytes() + bytes(pixels.size) + b"\0" * (pixels.size % 2))
    assert np.abs(shares(data) - share).max() < 0.005


@pytest.mark.parametrize("options", [("+td",), ("+te",), ("+ti",)])
def test_files_that_lost_their_preamble_or_their_meta_information(options, tmp_path):
    pixels, share = wave(12)
    data = dcmtk("dcmconv", dicom_bytes(pixels, BitsStored=12), tmp_path, *options)
    assert np.abs(shares(data[132:]) - share).max() < 0.005
    bare = dcmtk("dcmconv", dicom_bytes(pixels, BitsStored=12), tmp_path, "-F", "+te")
    assert np.abs(shares(bytes(128) + b"DICM" + bare) - share).max() < 0.005


def test_a_mislabelled_stream_is_told_by_its_content(tmp_path):
    pixels, share = wave(12, (60, 48))
    dataset = dcmread(io.BytesIO(jpeg_lossless(dicom_bytes(pixels, BitsStored=12), tmp_path)))
    for number in (50, 57, 90):
        dataset.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2.4.{number}"
        assert np.abs(shares(saved(dataset)) - share).max() < 0.005


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_colour_jpeg_inside_dicom_becomes_luminance(subsampling):
    gray, _ = wave(8)
    rgb = np.stack([gray, gray[::-1], gray[:, ::-1]], 2)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=95, subsampling=subsampling)
    tags = {"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}
    data = with_frames(dicom_bytes(rgb, **tags), JPEGBaseline8Bit, buffer.getvalue())
    assert np.abs(shares(data) - rgb @ np.array([0.299, 0.587, 0.114]) / 255).max() < 0.03


def test_a_big_endian_file_with_8_bits_in_words():
    pixels, share = wave(8, shape=(40, 40))
    dataset = dcmread(io.BytesIO(dicom_bytes(pixels)))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset["PixelData"].VR = "OW"
    dataset.PixelData = pixels.view("<u2").byteswap().tobytes()
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    assert np.abs(shares(buffer.getvalue()) - share).max() < 0.005


def test_nothing_is_printed_by_any_decoder(tmp_path):
    """The libraries below write to the process's own standard error; a progress line shares it."""
    path = tmp_path / "a.dcm"
    path.write_bytes(rle(dicom_bytes(wave(12)[0], BitsStored=12)))
    code = "import sys; from engine.imaging import load_file; load_file(sys.argv[1])"
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")
