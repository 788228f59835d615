"""A copy of a DICOM file that names nobody: the basic profile of PS3.15 Annex E, by dicom-anonymizer.

What is drawn into the pixels stays there: a file that says so is refused, and of one that says nothing nothing is
promised.
"""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import VaultError
from engine.imaging.dicom import check_dataset, is_dicom
from engine.imaging.limits import ImageError

if TYPE_CHECKING:
    from pydicom import Dataset

METHOD = "CXR Vault: DICOM PS3.15 Annex E basic profile, by dicom-anonymizer"
_CODE = ("113100", "DCM", "Basic Application Confidentiality Profile")


def deidentified(data: bytes) -> bytes:
    """Make the copy.

    Args:
        data: A DICOM file with one picture.

    Returns:
        A valid part 10 file with the same pixels; every UID is a new one, private elements, overlays, names, dates and
        comments are gone at every depth.

    Raises:
        ImageError: It is no DICOM file, holds no single picture, or says that annotations are burned into it.
        VaultError: The extra ``clinic`` is not installed.
    """
    if not is_dicom(data):
        raise ImageError("Only a DICOM file has a header to clear: name one, or leave --deidentify out.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _cleared(data)
    except (ImageError, VaultError):
        raise
    except Exception as error:
        raise ImageError("The DICOM file is damaged, so its header cannot be cleared: export it again.") from error


def _cleared(data: bytes) -> bytes:
    from pydicom import dcmread, dcmwrite

    dataset = dcmread(io.BytesIO(data), force=True)
    check_dataset(dataset)
    _clear(dataset)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    dataset.DeidentificationMethodCodeSequence = [_code()]
    _renew_meta(dataset)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def _clear(dataset: "Dataset") -> None:
    """Apply the profile to a data set and first to those inside it, which the library leaves as they are."""
    anonymize = _library()
    for element in dataset:
        for item in element.value if element.VR == "SQ" else ():
            _clear(item)
    anonymize(dataset, delete_private_tags=True)


def _library() -> Callable[..., None]:
    try:
        from dicomanonymizer import anonymize_dataset
    except ImportError as error:
        raise VaultError(
            "Clearing DICOM headers needs the extra `clinic`: pip install -r requirements-clinic.txt."
        ) from error
    return anonymize_dataset


def _code() -> "Dataset":
    from pydicom import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = _CODE
    return code


def _renew_meta(dataset: "Dataset") -> None:
    """Write fresh file meta information: only the transfer syntax is of the old."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    from engine.imaging.dicom_pixels import syntax

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax(dataset))
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
