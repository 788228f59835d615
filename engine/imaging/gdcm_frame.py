"""One compressed frame through GDCM: lossless, 12-bit and LS JPEG."""

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO, Any

import numpy as np

from engine.imaging.jpeg import damaged

_PIXEL_DATA = (0x7FE0, 0x0010)
# libjpeg fills in what is missing and says so; bytes too many before the end mark are no harm.
_CORRUPT = re.compile(rb"Corrupt JPEG data: (?!\d+ extraneous bytes before marker 0xd9)")
_one_at_a_time = Lock()


def decode_frame(frame: bytes, shape: tuple[int, int, int], precision: int, uid: str) -> np.ndarray:
    """Decode a frame.

    Args:
        frame: The compressed bytes.
        shape: Rows, columns and channels; the frame's own header was found to say the same.
        precision: Bits of a sample.
        uid: Its transfer syntax.

    Returns:
        ``(rows, columns, channels)``, uint8 where ``precision`` is at most 8, else uint16.

    Raises:
        ImageError: It cannot be decoded, or not to that many bytes.
    """
    import gdcm

    for quiet in (gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff, gdcm.Trace.DebugOff):
        quiet()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    picture = _picture(gdcm, frame, shape, precision, uid)
    change.SetInput(picture)
    # The filter deletes its input, and so would Python.
    picture.thisown = False
    with _heard() as said:
        changed = change.Change()
        said.seek(0)
        lacking = _CORRUPT.search(said.read())
    if not changed or lacking:
        raise damaged("DICOM")
    output = change.GetOutput()
    value = output.GetDataElement().GetByteValue()
    dtype = np.dtype(np.uint8 if precision <= 8 else np.uint16)
    rows, columns, channels = shape
    if int(str(value.GetLength())) < rows * columns * channels * dtype.itemsize:
        raise damaged("DICOM")
    # The wrapper's own way, through text, takes four bytes for one.
    address = ctypes.c_void_p(int(value.GetVoidPointer())).value or 0
    pixels = np.frombuffer(ctypes.string_at(address, rows * columns * channels * dtype.itemsize), dtype)
    if output.GetPlanarConfiguration() == 1 and channels > 1:
        return np.moveaxis(pixels.reshape(channels, rows, columns), 0, 2)
    return pixels.reshape(shape)


@contextmanager
def _heard() -> Iterator[IO[bytes]]:
    """Catch what GDCM's JPEG library prints: the only place where it says that a stream ended early.

    It also tries 8 bits first on every 12-bit stream, which is nobody's concern.
    """
    sys.stderr.flush()
    with _one_at_a_time, tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _picture(gdcm: Any, frame: bytes, shape: tuple[int, int, int], precision: int, uid: str) -> Any:
    """Wrap a frame in GDCM's description of a picture."""
    rows, columns, channels = shape
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(*_PIXEL_DATA))
    element.SetValue(fragments.__ref__())
    picture = gdcm.Image()
    picture.SetNumberOfDimensions(2)
    picture.SetDimensions((columns, rows, 1))
    picture.SetDataElement(element)
    kind = "MONOCHROME2" if channels == 1 else "RGB"
    picture.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.GetPIType(kind)))
    if channels > 1:
        picture.SetPlanarConfiguration(0)
    picture.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    allocated = 8 if precision <= 8 else 16
    picture.SetPixelFormat(gdcm.PixelFormat(channels, allocated, precision, precision - 1, 0))
    return picture
