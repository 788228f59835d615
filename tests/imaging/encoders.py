"""Compressed DICOM files made in memory, by encoders other than the decoders under test where there are any."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from tests.imaging.conftest import dicom_bytes


def saved(dataset):
    """Return a data set as a file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def with_frames(data, syntax, *frames, **tags):
    """Put compressed frames into a DICOM file in place of its pixels."""
    dataset = dcmread(io.BytesIO(data))
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2) for frame in frames])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    return saved(dataset)


def rle(data):
    """Run lengths, by pydicom."""
    dataset = dcmread(io.BytesIO(data))
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    return saved(dataset)


def jpeg_ls(data):
    """JPEG-LS, by CharLS."""
    dataset = dcmread(io.BytesIO(data))
    dataset.compress(JPEGLSLossless, encoding_plugin="pyjpegls")
    return saved(dataset)


def jpeg2000(pixels, lossy=False, **tags):
    """JPEG 2000, by OpenJPEG, around the words themselves, signed if they are."""
    from openjpeg.utils import encode_array

    bits = tags.get("BitsStored", pixels.dtype.itemsize * 8)
    options = {"compression_ratios": [3]} if lossy else {}
    frame = bytes(encode_array(pixels, bits_stored=bits, photometric_interpretation=2, **options))
    return with_frames(dicom_bytes(pixels, **tags), JPEG2000 if lossy else JPEG2000Lossless, frame)


def jpeg_lossless(data, tmp_path):
    """JPEG Lossless, first-order prediction, by GDCM's own file writer."""
    import gdcm

    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    source.write_bytes(data)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(source))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(JPEGLosslessSV1))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target.read_bytes()


def dcmtk(tool, data, folder, *options):
    """Run one of DCMTK's tools on a file; without DCMTK the test is skipped."""
    if not shutil.which(tool):
        pytest.skip(f"SKIPPED LOUDLY: there is no {tool}; `apt install dcmtk` brings it")
    source, target = Path(folder) / "source.dcm", Path(folder) / "target.dcm"
    source.write_bytes(data)
    subprocess.run([tool, *options, str(source), str(target)], check=True, capture_output=True)
    return target.read_bytes()


def wave(bits, shape=(61, 47), signed=False):
    """A smooth picture over the whole range of its bits, and what share of it each pixel is."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    share = np.sin(x / 7) + np.cos(y / 11) + np.sin((x + y) / 5)
    share = (share - share.min()) / np.ptp(share)
    values = np.rint(share * (2**bits - 1)).astype(np.int64)
    stored = values - (1 << (bits - 1)) if signed else values
    return stored.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}"), values / (2**bits - 1)
