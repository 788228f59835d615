"""DICOM pixels, and nothing else of the file: tags are read from a short list and dropped at once."""

import io
import re
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np

from engine.imaging.dicom_values import numbers
from engine.imaging.limits import LOCAL, MIB, Budget, ImageError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

_DEFLATED = "1.2.840.10008.1.2.1.99"
_VRS = b"AE|AS|AT|CS|DA|DS|DT|FD|FL|IS|LO|LT|OB|OW|PN|SH|SL|SQ|SS|ST|TM|UI|UL|UN|US|UT"
_GROUPS = rb"[\x02\x08\x10\x18\x20\x28]"
# Of a data set that starts at once: an early group and a VR in either byte order, or a length that fits in 16 bits.
_START = re.compile(
    rb"(?:%b\x00..|\x00%b..)(?:%b)|%b\x00..[\x00-\xff]{2}\x00\x00" % (_GROUPS, _GROUPS, _VRS, _GROUPS), re.DOTALL
)
TAGS = [
    "SpecificCharacterSet",
    "SOPClassUID",
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ImagerPixelSpacing",
    "PixelSpacing",
    "PresentationIntentType",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PlanarConfiguration",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "VOILUTSequence",
    "PresentationLUTShape",
    "BurnedInAnnotation",
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
]


def is_dicom(data: bytes) -> bool:
    r"""Tell a DICOM file by the mark after its 128-byte preamble, or by how a data set without one starts.

    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"\x08\0\x05\0CS\x0a\0ISO_IR 100"), is_dicom(b"a letter")
    (True, True, False)
    """
    return data[128:132] == b"DICM" or bool(_START.match(data))


def load_dicom(data: bytes, budget: Budget = LOCAL) -> np.ndarray:
    """Decode the one frame of a DICOM file for display.

    Args:
        data: The whole file, with or without preamble.
        budget: What it may cost.

    Returns:
        ``(H, W)`` array, ``uint8`` where at most 8 bits are stored, else ``uint16``; larger is brighter.
        Without a VOI LUT or a window that shows something, more than 8 bits are stretched from the darkest to the
        brightest pixel. Padding is black.

    Raises:
        ImageError: Truncated, several frames, burned-in annotation, one gray level, or an unsupported kind of pixel
            data.
    """
    try:
        with warnings.catch_warnings():
            # What pydicom says of values that it can do without is nothing to the person.
            warnings.simplefilter("ignore")
            return _displayed(data, budget)
    except ImageError:
        raise
    except Exception as error:
        # pydicom raises nearly anything on damaged input; each of them means the same to the person.
        raise ImageError(
            "The DICOM file is truncated, damaged or of an unsupported kind: export it again, uncompressed."
        ) from error


def _displayed(data: bytes, budget: Budget) -> np.ndarray:
    from engine.imaging.dicom_pixels import stored_pixels
    from engine.imaging.grayscale import displayed

    dataset = read_dicom(data, budget)
    check_dataset(dataset)
    return displayed(dataset, stored_pixels(dataset, budget))


def read_dicom(data: bytes, budget: Budget = LOCAL, tags: list[str] | None = None) -> "Dataset":
    """Read a few elements of a DICOM file; a deflated one is inflated no further than the budget.

    Args:
        data: The whole file, with or without preamble.
        budget: What it may cost.
        tags: Keywords of what to read; :data:`TAGS` if not given.

    Returns:
        The data set, with ``file_meta``; empty where there is none.

    Raises:
        ImageError: It inflates to more than the budget.
        Exception: Whatever pydicom raises on damaged files.
    """
    from pydicom import dcmread
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta, start = _meta(data)
    if meta is None or meta.get("TransferSyntaxUID") != _DEFLATED:
        dataset = dcmread(io.BytesIO(data), specific_tags=tags or TAGS, force=True)
    else:
        dataset = dcmread(io.BytesIO(_inflated(data[start:], budget)), specific_tags=tags or TAGS, force=True)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta = meta
    if getattr(dataset, "file_meta", None) is None:
        dataset.file_meta = FileMetaDataset()
    return dataset


def _meta(data: bytes) -> tuple["FileMetaDataset | None", int]:
    """Read the file meta information, and where the data set after it starts."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_dataset

    start = 132 if data[128:132] == b"DICM" else 0
    if data[start : start + 2] != b"\x02\0":
        return None, 0
    stream = io.BytesIO(data)
    stream.seek(start)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    return FileMetaDataset(meta), stream.tell()


def _inflated(body: bytes, budget: Budget) -> bytes:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    # Pixels of 16 bits and a header.
    most = max(2 * budget.pixels + MIB, budget.bytes)
    unpacked = inflate.decompress(body, most + 1)
    if len(unpacked) > most:
        raise ImageError(f"The DICOM file inflates to more than {most // MIB} MB: {budget.advice}.")
    return unpacked


def check_dataset(dataset: "Dataset") -> None:
    """Refuse, from declared facts alone, what is no single picture that may be shown.

    Raises:
        ImageError: No pixels, several frames, or annotations burned into them.
    """
    if not any(f"{kind}PixelData" in dataset for kind in ("", "Float", "DoubleFloat")):
        raise ImageError("The DICOM file holds no picture, only information: choose the image object of the study.")
    if str(dataset.get("BurnedInAnnotation", "NO")).strip().upper() == "YES":
        raise ImageError(
            "The DICOM file says that annotations are burned into its pixels, and these may name the "
            "patient: remove them and export it again."
        )
    frames = (*numbers(dataset, "NumberOfFrames"), 1)[0]
    if frames > 1:
        raise ImageError(
            f"The DICOM file holds {frames:.0f} frames or slices: choose a single two-dimensional chest X-ray."
        )
