"""Identifiers planted wherever a header has room for them; none may be in the copy."""

import io

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from engine.clinic.deidentify import deidentified
from engine.imaging import ImageError, encode_png, load_image
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import jpeg2000, saved, wave

PIXELS, _ = wave(12)
PLANTED = {
    "PatientName": "PLANTED^Name",
    "PatientID": "PLANTED-ID",
    "PatientAddress": "PLANTED Street",
    "PatientComments": "PLANTED comment",
    "OtherPatientIDs": "PLANTED-other",
    "ReferringPhysicianName": "PLANTED^Referrer",
    "OperatorsName": "PLANTED^Operator",
    "InstitutionName": "PLANTED Hospital",
    "StationName": "PLANTEDSTATION",
    "AccessionNumber": "PLANTEDACC",
    "StudyDescription": "PLANTED study",
    "ImageComments": "PLANTED image comment",
    "DeviceSerialNumber": "PLANTED-SERIAL",
    "PatientTelephoneNumbers": "PLANTED-PHONE",
    "ProtocolName": "PLANTED protocol",
}
DATES = {"PatientBirthDate": "19510203", "StudyDate": "20240301", "AcquisitionDateTime": "20240301101112"}
UIDS = ("1.2.826.99.1", "1.2.826.99.2", "1.2.826.99.3")


def planted(data):
    dataset = dcmread(io.BytesIO(data))
    for name, value in {**PLANTED, **DATES}.items():
        setattr(dataset, name, value)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = UIDS
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.private_block(0x0011, "PLANTED MAKER", create=True).add_new(1, "LO", "PLANTED private")
    dataset.add_new((0x6000, 0x3000), "OW", b"PLANTED overlay ")
    inside = Dataset()
    inside.PatientName, inside.AccessionNumber = "PLANTED^Inside", "PLANTEDIN"
    inside.private_block(0x0013, "PLANTED INNER", create=True).add_new(1, "LO", "PLANTED inner")
    deeper = Dataset()
    deeper.PatientID = "PLANTED-DEEP"
    inside.ReferencedStudySequence = [deeper]
    dataset.RequestAttributesSequence = [inside]
    dataset.VOILUTSequence = [inside]
    dataset.preamble = b"PLANTED".ljust(128, b"\0")
    del dataset.VOILUTSequence
    return saved(dataset)


@pytest.mark.parametrize("make", [dicom_bytes, jpeg2000])
def test_nothing_planted_is_left_and_the_picture_stays(make):
    original = planted(make(PIXELS, BitsStored=12))
    copy = deidentified(original)
    assert b"PLANTED" in original
    assert b"PLANTED" not in copy
    for value in (*DATES.values(), *UIDS):
        assert value.encode() in original
        assert value.encode() not in copy
    assert np.array_equal(load_image(copy), load_image(original))


def test_the_copy_says_what_was_done_and_is_valid_dicom():
    copy = dcmread(io.BytesIO(deidentified(planted(dicom_bytes(PIXELS, BitsStored=12)))))
    assert copy.PatientIdentityRemoved == "YES"
    assert copy.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert copy.file_meta.MediaStorageSOPInstanceUID == copy.SOPInstanceUID
    assert copy.Rows == PIXELS.shape[0]


def test_burned_in_text_is_refused_when_declared():
    with pytest.raises(ImageError, match="burned into"):
        deidentified(planted(dicom_bytes(PIXELS, BurnedInAnnotation="YES")))


def test_other_files_are_refused_in_a_sentence():
    for data in (encode_png(PIXELS), b"hello", dicom_bytes(PIXELS)[:300]):
        with pytest.raises(ImageError):
            deidentified(data)
