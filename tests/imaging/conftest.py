"""Pictures made in memory: none of them shows a patient."""

import io

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid


@pytest.fixture(scope="session")
def picture():
    """A smooth (120, 90) uint8 picture that uses the whole range."""
    y, x = np.mgrid[:120, :90]
    waves = np.sin(x / 7.0) + np.cos(y / 11.0) + np.sin((x + y) / 23.0)
    return np.rint((waves - waves.min()) / np.ptp(waves) * 255).astype(np.uint8)


def dicom_bytes(pixels, syntax=ExplicitVRLittleEndian, **tags):
    """Return a DICOM part 10 file around (H, W), (frames, H, W) or, with SamplesPerPixel=3, (H, W, 3)."""
    samples = tags.get("SamplesPerPixel", 1)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["made in memory"])
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "secret-identifier"
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = "MONOCHROME2"
    if samples == 3:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2] if samples == 3 else pixels.shape[-2:]
    if pixels.ndim == 3 and samples == 1:
        dataset.NumberOfFrames = pixels.shape[0]
    bits = pixels.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def voi_lut(values, first=0, bits=16):
    """Return a VOI LUT item that maps first, first + 1, ... to the values."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values), first, bits])
    item.add_new("LUTData", "US", [int(value) for value in values])
    return item
