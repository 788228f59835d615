"""DICOM pixels, and nothing else of the file: tags are read from a short list and dropped at once.

Grayscale pipeline of DICOM PS3.3 C.11: modality LUT (or rescale), then VOI LUT (or window), then
MONOCHROME1 inversion. Transfer syntaxes are an allow-list: deflated and run-length ones unpack unbounded.
"""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.imaging.limits import ImageError, check_dimensions, check_scans

if TYPE_CHECKING:
    from pydicom import Dataset

NATIVE_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
# JPEG baseline, JPEG extended, JPEG 2000 lossless and lossy: one frame is one file that Pillow can measure.
COMPRESSED_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 90, 91))
PHOTOMETRIC = ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
TAGS = [
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
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "BurnedInAnnotation",
]


def is_dicom(data: bytes) -> bool:
    """Tell a DICOM part 10 file by its mark after the 128-byte preamble."""
    return data[128:132] == b"DICM"


def load_dicom(data: bytes) -> np.ndarray:
    """Decode the one frame of a DICOM file for display.

    Args:
        data: The whole part 10 file.

    Returns:
        ``(H, W)`` array, ``uint8`` where at most 8 bits are stored, else ``uint16``; larger is brighter.
        Without a VOI LUT or window, more than 8 bits are stretched from the darkest to the brightest pixel.

    Raises:
        ImageError: Truncated, several frames, burned-in annotation, or an unsupported kind of pixel data.
    """
    from pydicom.pixels import pixel_array

    try:
        _check_transfer_syntax(data)
        dataset = _read(data)
        _check_dataset(dataset)
        return _display(dataset, pixel_array(dataset))
    except ImageError:
        raise
    except Exception as error:
        # pydicom raises nearly anything on damaged input; each of them means the same to the person.
        raise ImageError(
            "The DICOM file is truncated, damaged or of an unsupported kind: export it again, uncompressed."
        ) from error


def _check_transfer_syntax(data: bytes) -> None:
    from pydicom.filereader import read_dataset

    meta = read_dataset(io.BytesIO(data[132:]), False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    if meta.TransferSyntaxUID not in (*NATIVE_SYNTAXES, *COMPRESSED_SYNTAXES):
        raise ImageError("The DICOM file uses a compression CXR Vault does not read: export it again, uncompressed.")


def _read(data: bytes) -> "Dataset":
    from pydicom import dcmread

    return dcmread(io.BytesIO(data), specific_tags=TAGS)


def _check_dataset(dataset: "Dataset") -> None:
    """Refuse, from declared facts alone, what must not be decoded."""
    if "PixelData" not in dataset:
        raise ImageError("The DICOM file holds no picture, only information: choose the image object of the study.")
    if str(dataset.get("BurnedInAnnotation", "NO")).strip().upper() == "YES":
        raise ImageError(
            "The DICOM file says that annotations are burned into its pixels, and these may name the "
            "patient: remove them and export it again."
        )
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if frames != 1:
        raise ImageError(
            f"The DICOM file holds {frames} frames or slices: choose a single two-dimensional chest X-ray."
        )
    check_dimensions(dataset.Rows, dataset.Columns)
    deepest = 16 if dataset.SamplesPerPixel == 1 else 8
    if dataset.PhotometricInterpretation not in PHOTOMETRIC or dataset.BitsAllocated not in (8, deepest):
        raise ImageError("The DICOM file stores its pixels in a way CXR Vault does not read: export it as PNG.")
    if dataset.file_meta.TransferSyntaxUID not in NATIVE_SYNTAXES:
        _check_frame(dataset)


def _check_frame(dataset: "Dataset") -> None:
    """Refuse a compressed frame that would unpack to more than was checked, or at the price of many pictures."""
    from PIL import Image
    from pydicom.encaps import generate_frames

    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    check_scans(frame)
    with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as picture:
        honest = picture.size == (dataset.Columns, dataset.Rows)
    if not honest:
        raise ImageError("The DICOM file's compressed frame does not match its declared size: export it again.")


def _display(dataset: "Dataset", pixels: np.ndarray) -> np.ndarray:
    dtype: Any = np.uint8 if dataset.BitsStored <= 8 else np.uint16
    if dataset.SamplesPerPixel > 1:
        from PIL import Image

        return np.array(Image.fromarray(pixels.astype(np.uint8)).convert("L"))
    unit = _voi(dataset, _modality(dataset, pixels))
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        unit = 1 - unit
    return np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def _modality(dataset: "Dataset", pixels: np.ndarray) -> np.ndarray:
    """Apply the modality LUT or rescale; slope 1 and intercept 0, which many files state, leave the values integers."""
    from pydicom.pixels import apply_modality_lut

    stated = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    if not dataset.get("ModalityLUTSequence") and stated in ((None, None), (1, 0)):
        return pixels
    return np.asarray(apply_modality_lut(pixels, dataset))


def _voi(dataset: "Dataset", values: np.ndarray) -> np.ndarray:
    """Scale modality values to 0..1 by VOI LUT, else by window, else by the range the values have."""
    from pydicom.pixels import apply_voi

    if dataset.get("VOILUTSequence"):
        bits = dataset.VOILUTSequence[0].LUTDescriptor[2]
        # A table may hold more than the bits it states.
        return np.minimum(apply_voi(values, dataset).astype(np.float32) / (2**bits - 1), 1)
    if dataset.get("WindowWidth") is not None and dataset.get("WindowCenter") is not None:
        centre, width = (np.ravel(dataset[name].value)[0] for name in ("WindowCenter", "WindowWidth"))
        return window(values, float(centre), float(width), dataset.get("VOILUTFunction") or "LINEAR")
    if dataset.BitsStored <= 8 and values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float32) - low) / max(high - low, 1.0)


def window(values: np.ndarray, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Apply a VOI window (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: Modality values, any shape.
        centre: Window centre, in the unit of ``values``.
        width: Window width; more than 0, and at least 1 for ``LINEAR``.
        function: ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.

    Returns:
        Array of the same shape, ``float32`` in 0..1.

    Raises:
        ImageError: Width or function is not one the standard allows.

    >>> window(np.array([0, 50, 100]), 50, 100, "LINEAR_EXACT").tolist()
    [0.0, 0.5, 1.0]
    """
    if not (width >= 1 if function == "LINEAR" else width > 0):
        raise ImageError(f"The DICOM window is {width:g} wide, which the standard forbids: export the file again.")
    values = values.astype(np.float32)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
        if width == 0:
            return (values > centre).astype(np.float32)
    elif function != "LINEAR_EXACT":
        raise ImageError(f"The DICOM file asks for the unknown VOI function {function!r}: export it again.")
    return np.clip((values - centre) / width + 0.5, 0, 1)
