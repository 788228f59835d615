"""The grayscale pipeline of DICOM PS3.3 C.11, on the table of values and not on the pixels.

Modality LUT or rescale, then VOI LUT or window, then inversion; padding is black whatever the pixels say. A VOI
transformation that leaves nothing to see is passed over for the next, and at last for the range of the values.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.imaging.dicom_pixels import COLOUR, StoredPixels, padding, photometric
from engine.imaging.dicom_values import numbers
from engine.imaging.limits import ImageError

if TYPE_CHECKING:
    from pydicom import Dataset

_STRIP = 256
# Of the pixels on one level: more, where the values before had less, and the window has missed the picture.
_FLAT, _VARIED = 0.995, 0.95


@dataclass(frozen=True)
class Voi:
    """How values were scaled to what is seen.

    Attributes:
        kind: ``"window"``, ``"lut"``, ``"range"`` (darkest to brightest) or ``"full"`` (all bits stored).
        centre: of the window, or of the range.
        width: of it.
        passed_over: how many that the file states show nothing.
    """

    kind: str
    centre: float = 0.0
    width: float = 0.0
    passed_over: int = 0


@dataclass(frozen=True)
class Display:
    """What each index of a stored frame looks like.

    Attributes:
        levels: ``(256,)`` or ``(65536,)`` uint8 or uint16; larger is brighter.
        voi: how they were found.
        inverted: whether the file's own values have white below black.
        whole: centre and width of the range that the values have.
    """

    levels: np.ndarray
    voi: Voi
    inverted: bool
    whole: tuple[float, float]


def displayed(dataset: "Dataset", stored: StoredPixels) -> np.ndarray:
    """Give a frame as it is to be seen.

    Args:
        dataset: Its header.
        stored: Its pixels.

    Returns:
        ``(H, W)`` uint8 where at most 8 bits are stored, else uint16.

    Raises:
        ImageError: All of it has one gray level, or the header asks for what the standard does not know.
    """
    return display(dataset, stored).levels[stored.index]


def display(dataset: "Dataset", stored: StoredPixels, chosen: tuple[float, float] | None = None) -> Display:
    """Find what each stored value looks like.

    Args:
        dataset: The header.
        stored: The pixels.
        chosen: Centre and width of a window to use instead of what the header asks for.

    Raises:
        ImageError: As :func:`displayed`.
    """
    counts = _histogram(stored.index, len(stored.values))
    hidden = _padded(dataset, stored)
    counts[hidden] = 0
    if np.count_nonzero(counts) < 2:
        raise _flat(stored.frames)
    unit, voi = _first_that_shows(dataset, stored, counts, chosen)
    inverted = _inverted(dataset)
    if inverted:
        unit = 1 - unit
    unit[hidden] = 0
    dtype: Any = np.uint8 if stored.bits <= 8 else np.uint16
    seen = _modality(dataset, stored.values)[counts > 0]
    whole = (float(seen.min() + seen.max()) / 2, float(seen.max() - seen.min()))
    return Display(np.rint(np.nan_to_num(unit) * np.iinfo(dtype).max).astype(dtype), voi, inverted, whole)


def _flat(frames: int) -> ImageError:
    if frames > 1:
        return ImageError(
            f"The DICOM file holds {frames} frames, the first of one flat colour: choose a single chest X-ray."
        )
    return ImageError("The DICOM file's picture is one flat colour: choose the image object of the study.")


def window(values: np.ndarray, centre: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """Apply a VOI window (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Args:
        values: Modality values, any shape.
        centre: Window centre, in the unit of ``values``.
        width: Window width; more than 0, and at least 1 for ``LINEAR``.
        function: ``LINEAR``, ``LINEAR_EXACT`` or ``SIGMOID``.

    Returns:
        Array of the same shape, ``float64`` in 0..1.

    Raises:
        ImageError: Width or function is not one the standard allows.

    >>> window(np.array([0, 50, 100]), 50, 100, "LINEAR_EXACT").tolist()
    [0.0, 0.5, 1.0]
    """
    if not (width >= 1 if function == "LINEAR" else width > 0):
        raise ImageError(f"The DICOM window is {width:g} wide, which the standard forbids: export the file again.")
    values = np.asarray(values, np.float64)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
        if width == 0:
            return (values > centre).astype(np.float64)
    elif function != "LINEAR_EXACT":
        raise ImageError(f"The DICOM file asks for the unknown VOI function {function!r}: export it again.")
    return np.clip((values - centre) / width + 0.5, 0, 1)


def windows(dataset: "Dataset") -> list[tuple[float, float]]:
    """Return centre and width of every window that the standard allows."""
    least = 1.0 if _function(dataset) == "LINEAR" else np.nextafter(0, 1)
    pairs = zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False)
    return [(centre, width) for centre, width in pairs if np.isfinite(centre) and np.isfinite(width) and width >= least]


def _function(dataset: "Dataset") -> str:
    return str(dataset.get("VOILUTFunction") or "LINEAR").strip().upper()


def _histogram(index: np.ndarray, size: int) -> np.ndarray:
    """Count the pixels of each index, strip by strip: counting all at once takes eight bytes a pixel."""
    counts = np.zeros(size, np.int64)
    for top in range(0, len(index), _STRIP):
        counts += np.bincount(index[top : top + _STRIP].ravel(), minlength=size)
    return counts


def _padded(dataset: "Dataset", stored: StoredPixels) -> np.ndarray:
    """Tell which indices lie outside the picture: padding by its value, or by the bits it is written with."""
    hidden = np.isnan(stored.values)
    limits = None if stored.floating or photometric(dataset) in COLOUR else padding(dataset)
    if limits:
        words = np.arange(len(stored.values))
        hidden |= (stored.values >= limits[0]) & (stored.values <= limits[1])
        first, last = (int(limit) % len(words) for limit in limits)
        if limits[1] >= len(words) // 2 or limits[0] < 0:
            hidden |= (words >= first) & (words <= last)
    return hidden


def _first_that_shows(
    dataset: "Dataset", stored: StoredPixels, counts: np.ndarray, chosen: tuple[float, float] | None
) -> tuple[np.ndarray, Voi]:
    if chosen is not None:
        return window(_modality(dataset, stored.values), *chosen, "LINEAR_EXACT"), Voi("window", *chosen)
    for passed_over, (unit, voi) in enumerate(_scalings(dataset, stored, counts)):
        last = voi.kind in ("range", "full")
        if last or not _misses(unit, counts):
            return unit, Voi(voi.kind, voi.centre, voi.width, passed_over)
    raise AssertionError("the last scaling shows whatever there is")


def _misses(unit: np.ndarray, counts: np.ndarray) -> bool:
    """Whether next to all pixels fall on one level, and did not before."""
    seen = counts > 0
    levels, total = np.rint(unit[seen] * 65_535).astype(np.int64), counts.sum()
    largest = np.bincount(levels, weights=counts[seen]).max()
    return largest == total or (largest > _FLAT * total and counts.max() < _VARIED * total)


def _scalings(dataset: "Dataset", stored: StoredPixels, counts: np.ndarray) -> Iterator[tuple[np.ndarray, Voi]]:
    """Give what the header asks for in the order of the standard, and at last what needs no header."""
    kind = photometric(dataset)
    if kind in COLOUR:
        yield stored.values / ((1 << stored.bits) - 1), Voi("full")
        return
    if kind == "PALETTE COLOR":
        yield _palette(dataset, stored.values), Voi("full")
        return
    values = _modality(dataset, stored.values)
    for item in dataset.get("VOILUTSequence") or ():
        table, first, bits = _lut(item, dataset)
        yield np.minimum(_looked_up(values, table, first) / ((1 << bits) - 1), 1), Voi("lut")
    for centre, width in windows(dataset):
        yield window(values, centre, width, _function(dataset)), Voi("window", centre, width)
    yield _range(values, stored, counts)


def _range(values: np.ndarray, stored: StoredPixels, counts: np.ndarray) -> tuple[np.ndarray, Voi]:
    if stored.bits <= 8 and values is stored.values and values.min() >= 0:
        full = (1 << stored.bits) - 1
        return np.minimum(values / full, 1), Voi("full", full / 2, full)
    seen = values[counts > 0]
    low, high = float(seen.min()), float(seen.max())
    return np.clip((values - low) / ((high - low) or 1.0), 0, 1), Voi("range", (low + high) / 2, high - low)


def _inverted(dataset: "Dataset") -> bool:
    """Whether larger values are darker: the presentation LUT shape says it, or else the photometric interpretation."""
    shape = str(dataset.get("PresentationLUTShape") or "").strip().upper()
    kind = photometric(dataset)
    if kind in ("MONOCHROME1", "MONOCHROME2") and shape in ("IDENTITY", "INVERSE"):
        return shape == "INVERSE"
    return kind == "MONOCHROME1"


def _modality(dataset: "Dataset", values: np.ndarray) -> np.ndarray:
    """Apply the modality LUT or rescale; where neither changes anything, the same array comes back."""
    if dataset.get("ModalityLUTSequence"):
        table, first, _ = _lut(dataset.ModalityLUTSequence[0], dataset)
        return _looked_up(values, table, first)
    slope, intercept = numbers(dataset, "RescaleSlope")[:1], numbers(dataset, "RescaleIntercept")[:1]
    factor = slope[0] if slope and np.isfinite(slope[0]) and slope[0] else 1.0
    offset = intercept[0] if intercept and np.isfinite(intercept[0]) else 0.0
    return values if (factor, offset) == (1, 0) else values * factor + offset


def _lut(item: "Dataset", dataset: "Dataset") -> tuple[np.ndarray, float, int]:
    """Read a lookup table: its entries, the value that the first stands for, and how many bits they have.

    Entries of 8 bits may be packed two in a word, and descriptors are often wrong about the bits (PS3.3 C.11.2.1.1).
    """
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    table = _entries(item["LUTData"], count % 65_536 or 65_536, little=dataset.original_encoding[1] is not False)
    return table, float(first - 65_536 if signed and first >= 32_768 else first), output_bits(table, bits)


def _entries(element: Any, count: int, little: bool) -> np.ndarray:
    value = element.value
    if not isinstance(value, bytes):
        words = np.atleast_1d(np.asarray(value, np.int64)) & 0xFFFF
        packed = len(words) == -(-count // 2) and words.max() > 255
        return words.astype("<u2").view(np.uint8)[:count] if packed else words[:count]
    if len(value) < 2 * count:
        return np.frombuffer(value, np.uint8)[:count]
    return np.frombuffer(value, "<u2" if little else ">u2", count)


def output_bits(table: np.ndarray, stated: int) -> int:
    """Return the bits of a table's entries, which descriptors that say 16, or too few, have wrong.

    >>> output_bits(np.arange(4096), 16), output_bits(np.arange(3000), 12), output_bits(np.arange(4096), 8)
    (12, 12, 12)
    """
    held = max(1, int(np.max(table)).bit_length())
    stated = stated if 1 <= stated <= 16 else held
    # A few entries above the stated bits are white; many say that the statement is wrong.
    if held > stated and np.mean(table >= 1 << stated) > 0.05:
        return held
    return max(held, 8) if stated == 16 and held <= 14 else stated


def _looked_up(values: np.ndarray, table: np.ndarray, first: float) -> np.ndarray:
    at = np.clip(np.rint(np.nan_to_num(values)) - first, 0, len(table) - 1).astype(np.int64)
    return table[at].astype(np.float64)


def _palette(dataset: "Dataset", values: np.ndarray) -> np.ndarray:
    """Look colours up and take their BT.601 luminance, 0..1."""
    from pydicom.pixels import apply_color_lut

    colours = apply_color_lut(np.maximum(values, 0).astype(np.uint16).reshape(1, -1), dataset)[0][:, :3]
    stated = int(dataset.RedPaletteColorLookupTableDescriptor[2])
    bits = output_bits(colours, min(stated, 8 * colours.itemsize))
    return np.minimum(colours @ np.array([0.299, 0.587, 0.114]) / ((1 << bits) - 1), 1)
