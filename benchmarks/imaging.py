"""Decoding a 2048 x 1536 12-bit radiograph of each transfer syntax, to the picture that is seen, beside pydicom.

pydicom's own default decoder for the syntax gives the stored values, and its own modality and VOI functions what is
seen; both run in interleaved rounds of one process, so other work on the machine slows them alike. Also: the share of
pydicom's own test pictures on this disk that are read.
"""

import io
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pydicom.data
from pydicom import dcmread
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian

from engine.imaging import ImageError, load_image
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import jpeg2000, jpeg_lossless, jpeg_ls, rle

ROUNDS, SHAPE = 5, (2048, 1536)


def chest():
    """Smooth structure under the noise of a detector: what compression has to do with in a clinic."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    smooth = 2000 + 900 * np.sin(x / 170) * np.cos(y / 210) + 400 * np.sin((x + y) / 31)
    return np.clip(smooth + np.random.default_rng(0).normal(0, 12, SHAPE), 0, 4095).astype(np.uint16)


def files():
    pixels, tags = chest(), {"BitsStored": 12, "WindowCenter": 2048, "WindowWidth": 4096}
    native = dicom_bytes(pixels, **tags)
    with tempfile.TemporaryDirectory() as folder:
        lossless = jpeg_lossless(native, Path(folder))
    return {
        "uncompressed": native,
        "deflated": dicom_bytes(pixels, DeflatedExplicitVRLittleEndian, **tags),
        "RLE": rle(native),
        "JPEG Lossless .70": lossless,
        "JPEG-LS .80": jpeg_ls(native),
        "JPEG 2000 .90": jpeg2000(pixels, **tags),
        "JPEG 2000 .91, lossy": jpeg2000(pixels, lossy=True, **tags),
    }


def peer(data):
    """What pydicom makes of a file by default."""
    dataset = dcmread(io.BytesIO(data))
    return apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)


def seconds(job, data):
    start = time.process_time()
    job(data)
    return time.process_time() - start


def readable(folder):
    """Count the files with one picture of at least 16 pixels a side, and how many of them are read."""
    found = read = 0
    for path in sorted(folder.rglob("*.dcm")):
        try:
            dataset = dcmread(path, stop_before_pixels=True, force=True)
            one = int(dataset.get("NumberOfFrames") or 1) == 1 and min(dataset.Rows, dataset.Columns) >= 16
            one = one and "PixelData" in dcmread(path, force=True)
        except Exception:  # noqa: BLE001, S112 - a file that pydicom itself cannot read says nothing of ours
            continue
        found += one
        try:
            load_image(path.read_bytes())
            read += one
        except ImageError:
            pass
    return read, found


def main():
    warnings.simplefilter("ignore")
    print(f"{'':24}{'MB':>6}{'ms':>8}{'pydicom ms':>12}{'x pydicom':>11}")
    for name, data in files().items():
        rounds = [(seconds(load_image, data), seconds(peer, data)) for _ in range(ROUNDS + 1)][1:]
        ours, theirs = (statistics.median(column) * 1000 for column in zip(*rounds, strict=True))
        ratio = statistics.median(b / a for a, b in rounds)
        print(f"{name:24}{len(data) / 1e6:6.1f}{ours:8.0f}{theirs:12.0f}{ratio:11.1f}")
    read, found = readable(Path(pydicom.data.__file__).parent)
    print(f"\n{read} of the {found} single pictures among pydicom's installed test files are read")


if __name__ == "__main__":
    main()
