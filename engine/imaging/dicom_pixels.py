"""The one frame of a DICOM data set as it is stored: an index a pixel, and what value each index stands for.

What happens to a value later (modality, window, inversion) happens to the at most 65,536 values of the table and not
to sixty million pixels, so no step needs a second picture of floats.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.imaging import jpeg, jpeg2000
from engine.imaging.limits import Budget, ImageError, check_cost, check_dimensions
from engine.imaging.run_lengths import decode_run_lengths

if TYPE_CHECKING:
    from pydicom import Dataset

_LITTLE, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_RLE = "1.2.840.10008.1.2.5"
_JPEG = "1.2.840.10008.1.2.4."
GRAY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# What a decoder and the copies around it hold for each sample at the peak.
_NATIVE_BYTES, _GDCM_BYTES, _RLE_BYTES, _OPENJPEG_BYTES, _PILLOW_BYTES = 5, 10, 6, 6, 4


@dataclass(frozen=True)
class StoredPixels:
    """A frame before the grayscale pipeline.

    Attributes:
        index: ``(H, W)`` uint8 or uint16.
        values: ``(256,)`` or ``(65536,)`` float64, the stored value of each index.
        bits: how many bits a value has.
        floating: whether values were real numbers, which the index only follows.
        frames: how many pictures lie in the file, whatever it says; this is the first.
    """

    index: np.ndarray
    values: np.ndarray
    bits: int
    floating: bool = False
    frames: int = 1


def stored_pixels(dataset: "Dataset", budget: Budget) -> StoredPixels:
    """Decode the frame of a data set after its cost is known.

    Args:
        dataset: From :func:`engine.imaging.dicom.read_dicom`, checked.
        budget: What it may cost.

    Returns:
        Index and values; of a colour picture, its BT.601 luminance.

    Raises:
        ImageError: Too large, damaged, or an unsupported kind.
    """
    check_dimensions(dataset.Rows, dataset.Columns, budget)
    if photometric(dataset) not in (*GRAY, *COLOUR):
        raise _unsupported()
    for name, dtype in (("FloatPixelData", np.dtype("f4")), ("DoubleFloatPixelData", np.dtype("f8"))):
        if name in dataset:
            return _floating(dataset, dtype, dataset[name].value, budget)
    frames = _frames(dataset)
    if dataset["PixelData"].is_undefined_length or syntax(dataset) not in (_LITTLE, _EXPLICIT, _BIG):
        return replace(_compressed(dataset, budget), frames=frames)
    return replace(_native(dataset, budget), frames=frames)


def _frames(dataset: "Dataset") -> int:
    """Count the pictures present: streams that begin in a fragment, or as many as fill the bytes."""
    from pydicom.encaps import generate_fragments

    if dataset["PixelData"].is_undefined_length:
        starts = (fragment[:12] for fragment in generate_fragments(dataset.PixelData))
        return max(1, sum(start.startswith(jpeg.SIGNATURE) or jpeg2000.is_jpeg2000(start) for start in starts))
    one = dataset.Rows * dataset.Columns * samples(dataset) * max(1, int(dataset.BitsAllocated) // 8)
    return max(1, len(dataset.PixelData) // one)


def photometric(dataset: "Dataset") -> str:
    """Return the photometric interpretation, or what the number of samples says where there is none."""
    stated = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    return stated or ("MONOCHROME2" if samples(dataset) == 1 else "RGB")


def samples(dataset: "Dataset") -> int:
    """Return the channels of a pixel."""
    return int(dataset.get("SamplesPerPixel") or 1)


def syntax(dataset: "Dataset") -> str:
    """Return the transfer syntax; of a file without meta information, what its reading showed."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return str(stated)
    implicit, little = dataset.original_encoding
    return _LITTLE if implicit else _EXPLICIT if little else _BIG


def bits_stored(dataset: "Dataset") -> int:
    """Return the bits of a value; where the stated number is not possible, all that are allocated."""
    allocated = int(dataset.BitsAllocated)
    stated = int(dataset.get("BitsStored") or allocated)
    return stated if 1 <= stated <= allocated else allocated


def _native(dataset: "Dataset", budget: Budget) -> StoredPixels:
    allocated, channels = int(dataset.BitsAllocated), samples(dataset)
    if allocated not in (8, 16, 32) or channels not in (1, 3) or (allocated == 32 and channels == 3):
        raise _unsupported()
    check_cost(dataset.Rows * dataset.Columns * channels * (allocated // 8), _NATIVE_BYTES, budget)
    pixels = _words(dataset, np.dtype(f"u{allocated // 8}"))
    if channels == 3:
        return _luminance(_channels(dataset, pixels), dataset)
    needed = dataset.Rows * dataset.Columns
    if len(pixels) < needed:
        raise ImageError("The DICOM file is truncated: export it again.")
    return _table(dataset, pixels[:needed].reshape(dataset.Rows, dataset.Columns))


def _words(dataset: "Dataset", dtype: np.dtype) -> np.ndarray:
    """View the pixel data as unsigned words of this machine's byte order."""
    element = dataset["PixelData"]
    data = element.value
    big = syntax(dataset) == _BIG
    if big and dtype.itemsize == 1 and element.VR == "OW":
        # Bytes lie in big-endian words.
        return np.frombuffer(data[: len(data) & ~1], "<u2").byteswap().view(np.uint8)
    words = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype.newbyteorder(">" if big else "<"))
    return words.astype(dtype.newbyteorder("="), copy=False)


def _channels(dataset: "Dataset", words: np.ndarray) -> np.ndarray:
    """Arrange native colour as ``(H, W, 3)``, or, where the first channel is the luminance, as ``(H, W)``."""
    rows, columns, kind = int(dataset.Rows), int(dataset.Columns), photometric(dataset)
    if kind == "YBR_FULL_422":
        if len(words) < 2 * rows * columns or columns % 2:
            raise ImageError("The DICOM file is truncated: export it again.")
        return words[: 2 * rows * columns].reshape(rows, columns // 2, 4)[..., :2].reshape(rows, columns)
    if len(words) < 3 * rows * columns:
        raise ImageError("The DICOM file is truncated: export it again.")
    words = words[: 3 * rows * columns]
    planar = int(dataset.get("PlanarConfiguration") or 0) == 1
    pixels = np.moveaxis(words.reshape(3, rows, columns), 0, 2) if planar else words.reshape(rows, columns, 3)
    return _first_if_luminance(pixels, dataset)


def _luminance(pixels: np.ndarray, dataset: "Dataset") -> StoredPixels:
    """Reduce colour to BT.601 luminance of its own depth."""
    bits = bits_stored(dataset)
    gray = np.empty(pixels.shape[:2], np.uint8 if bits <= 8 else np.uint16)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    for top in range(0, len(gray), 256):
        strip = pixels[top : top + 256].astype(np.float32)
        gray[top : top + 256] = np.rint(strip if strip.ndim == 2 else strip @ weights)
    return StoredPixels(gray, np.arange(1 << 8 * gray.itemsize, dtype=np.float64), bits)


def _table(dataset: "Dataset", index: np.ndarray, precision: int | None = None) -> StoredPixels:
    """Tell what each word stands for: its stored bits, shifted down from the high bit, and their sign (PS3.5 8.1)."""
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    if index.itemsize == 4:
        return _real(index.view(np.int32) if signed else index, bits_stored(dataset), padding(dataset, "PixelPadding"))
    bits, words = bits_stored(dataset), np.arange(1 << 8 * index.itemsize, dtype=np.int64)
    high = int(dataset.get("HighBit") or bits - 1)
    shift = high + 1 - bits if bits - 1 <= high < 8 * index.itemsize else 0
    if precision is not None:
        shift = shift if precision > high else 0
        # The stream may hold more bits than the header around it says.
        bits = bits if signed else max(bits, (int(index.max()) >> shift).bit_length())
    values = (words >> shift) & ((1 << bits) - 1)
    if signed:
        values -= (values >> (bits - 1)) << bits
    return StoredPixels(index, values.astype(np.float64), bits)


def _floating(dataset: "Dataset", dtype: np.dtype, data: bytes, budget: Budget) -> StoredPixels:
    needed = dataset.Rows * dataset.Columns
    check_cost(needed * dtype.itemsize, _NATIVE_BYTES, budget)
    if len(data) < needed * dtype.itemsize:
        raise ImageError("The DICOM file is truncated: export it again.")
    stored = dtype.newbyteorder(">" if syntax(dataset) == _BIG else "<")
    pixels = np.frombuffer(data, stored, needed).reshape(dataset.Rows, dataset.Columns)
    return _real(pixels, 16, padding(dataset, "FloatPixelPadding"))


def padding(dataset: "Dataset", keyword: str = "PixelPadding") -> tuple[float, float] | None:
    """Return the lowest and highest value that stand for: outside the picture (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get(f"{keyword}Value")
    if value is None:
        return None
    limit = dataset.get(f"{keyword}RangeLimit")
    return min(value, value if limit is None else limit), max(value, value if limit is None else limit)


def _real(pixels: np.ndarray, bits: int, padded: tuple[float, float] | None) -> StoredPixels:
    """Follow numbers of any range by an index of 16 bits; padding and what is no number have index 0 and no value."""
    outside = ~np.isfinite(pixels)
    if padded:
        outside |= (pixels >= padded[0]) & (pixels <= padded[1])
    inside = pixels[~outside]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    values = np.concatenate([[np.nan], np.linspace(low, high, 65_535)])
    index, step = np.zeros(pixels.shape, np.uint16), (high - low) / 65_534 or 1.0
    for top in range(0, len(index), 256):
        strip, kept = pixels[top : top + 256].astype(np.float64), ~outside[top : top + 256]
        index[top : top + 256][kept] = np.rint((strip[kept] - low) / step) + 1
    return StoredPixels(index, values, max(bits, 9), floating=True)


def _compressed(dataset: "Dataset", budget: Budget) -> StoredPixels:
    from pydicom.encaps import generate_frames

    frame = dataset.PixelData
    if dataset["PixelData"].is_undefined_length:
        frame = next(generate_frames(frame, number_of_frames=1))
    # Of a noisy picture it is as large as the picture.
    del dataset.PixelData
    if jpeg2000.is_jpeg2000(frame):
        return _decode_jpeg2000(dataset, frame, budget)
    if frame.startswith(jpeg.SIGNATURE):
        return _decode_jpeg(dataset, frame, budget)
    if syntax(dataset) == _RLE:
        return _decode_rle(dataset, frame, budget)
    raise _unsupported()


def _decode_jpeg2000(dataset: "Dataset", frame: bytes, budget: Budget) -> StoredPixels:
    import openjpeg

    stream = jpeg2000.codestream(frame)
    header = jpeg2000.read_jpeg2000(stream)
    _check_frame(dataset, header)
    check_cost(header.rows * header.columns * header.samples, _OPENJPEG_BYTES, budget, header.tables + len(frame))
    pixels = openjpeg.decode(stream, j2k_format=0)
    if header.samples > 1:
        return _luminance(_first_if_luminance(pixels, dataset), dataset)
    if not header.signed:
        return _table(dataset, pixels, header.precision)
    # The stream knows its sign better than the header around it.
    index = pixels.view(f"u{pixels.itemsize}")
    words = np.arange(1 << 8 * index.itemsize)
    return StoredPixels(index, words.astype(index.dtype).view(pixels.dtype).astype(np.float64), bits_stored(dataset))


def _decode_jpeg(dataset: "Dataset", frame: bytes, budget: Budget) -> StoredPixels:
    stream = jpeg.read_jpeg(frame)
    _check_frame(dataset, stream)
    count = stream.rows * stream.columns * stream.samples
    check_cost(count, _PILLOW_BYTES if stream.ordinary else _GDCM_BYTES, budget, 2 * len(frame))
    if not stream.ordinary:
        pixels = _decode_gdcm(dataset, frame[: stream.end], stream.samples, stream.precision, _gdcm_syntax(stream))
        if stream.samples == 1:
            return _table(dataset, pixels, stream.precision)
        return _luminance(_first_if_luminance(pixels, dataset), dataset)
    picture = jpeg.open_jpeg(frame, stream)
    if photometric(dataset) == "RGB" and picture.mode == "RGB" and "adobe_transform" not in picture.info:
        # Without a mark Pillow takes three channels for YCbCr; asked for these it leaves them as they are.
        picture.draft("YCbCr", picture.size)
        return _luminance(np.asarray(picture), dataset)
    return _table(dataset, np.array(picture.convert("L")), 8)


def _gdcm_syntax(stream: jpeg.JpegStream) -> str:
    """Name the process of a stream, which a header around it may have wrong."""
    names = {0xC0: "50", 0xC1: "51", 0xC3: "57", jpeg.JPEG_LS: "81"}
    if stream.process not in names:
        raise _unsupported()
    return _JPEG + names[stream.process]


def _decode_rle(dataset: "Dataset", frame: bytes, budget: Budget) -> StoredPixels:
    channels, allocated = samples(dataset), int(dataset.BitsAllocated)
    if channels not in (1, 3) or allocated not in (8, 16):
        raise _unsupported()
    check_cost(dataset.Rows * dataset.Columns * channels, _RLE_BYTES, budget, 2 * len(frame))
    pixels = decode_run_lengths(frame, (int(dataset.Rows), int(dataset.Columns), channels), allocated // 8)
    if channels == 1:
        return _table(dataset, pixels[..., 0])
    return _luminance(_first_if_luminance(pixels, dataset), dataset)


def _first_if_luminance(pixels: np.ndarray, dataset: "Dataset") -> np.ndarray:
    return pixels[..., 0] if photometric(dataset).startswith("YBR_FULL") else pixels


def _decode_gdcm(dataset: "Dataset", frame: bytes, channels: int, precision: int, uid: str) -> np.ndarray:
    from engine.imaging.gdcm_frame import decode_frame

    shape = (int(dataset.Rows), int(dataset.Columns), channels)
    pixels = decode_frame(frame, shape, precision, uid)
    return pixels[..., 0] if channels == 1 else pixels


def _check_frame(dataset: "Dataset", stream: jpeg.JpegStream | jpeg2000.Jpeg2000Stream) -> None:
    """Refuse a frame that would unpack to something else than was declared, or that holds no gray or colour."""
    if (stream.rows, stream.columns) != (dataset.Rows, dataset.Columns):
        raise ImageError("The DICOM file's compressed frame does not match its declared size: export it again.")
    if stream.samples not in (1, 3) or not 2 <= stream.precision <= 16:
        raise _unsupported()


def _unsupported() -> ImageError:
    return ImageError("The DICOM file stores its pixels in a way CXR Vault does not read: export it as PNG.")
