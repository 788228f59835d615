"""What a page may say of an uploaded picture: how it was taken and shown, and nothing of whom it shows."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from engine.imaging.decode import load_image
from engine.imaging.dicom import check_dataset, is_dicom, read_dicom
from engine.imaging.dicom_values import numbers
from engine.imaging.limits import LOCAL, Budget, ImageError

if TYPE_CHECKING:
    from pydicom import Dataset

    from engine.imaging.grayscale import Display

_FRONTAL = ("AP", "PA", "ANTERO-POSTERIOR", "POSTERO-ANTERIOR")
_LATERAL = ("LL", "RL", "LLD", "RLD", "LATERAL", "LAT")
_CHEST = ("CHEST", "THORAX", "LUNG", "LUNGS", "RIB", "RIBS", "HEART")
_PROJECTIONS = ("CR", "DX", "RG", "XA", "RF", "SC", "OT", "DR", "")


@dataclass(frozen=True)
class Window:
    """A way to show the values of a picture.

    Attributes:
        name: what the file or the project calls it.
        centre: in modality values.
        width: in modality values.
    """

    name: str
    centre: float
    width: float

    def __str__(self) -> str:
        return f"{self.name}: centre {self.centre:g}, width {self.width:g}"


@dataclass(frozen=True)
class PictureFacts:
    """What is known of a picture beside its pixels; none of it names anybody.

    Attributes:
        kind: ``"PNG"``, ``"JPEG"`` or ``"DICOM"``.
        height: rows.
        width: columns.
        depth: such as ``"12 of 16 bits"``.
        window: how the pixels were made visible; None outside DICOM, or where a lookup table did it.
        windows: all that the file states, and its whole range: presets.
        passed_over: how many stated ways of showing it showed nothing.
        inverted: whether its own values have white below black.
        view: ``"frontal"``, ``"lateral"`` or None where the header does not say.
        view_position: the header's own word, such as ``"PA"``.
        body_part: the header's own word, such as ``"CHEST"``.
        modality: the header's own word, such as ``"DX"``.
        spacing: millimetres between rows and between columns, at the detector or the patient.
    """

    kind: str
    height: int
    width: int
    depth: str
    window: Window | None = None
    windows: tuple[Window, ...] = field(default=())
    passed_over: int = 0
    inverted: bool = False
    view: str | None = None
    view_position: str = ""
    body_part: str = ""
    modality: str = ""
    spacing: tuple[float, float] | None = None

    @property
    def concern(self) -> str | None:
        """One sentence where the header says that this is no frontal chest X-ray; None where it does not say so."""
        return concern_of(self.modality, self.body_part, self.view_position)


def concern_of(modality: str, body_part: str, view_position: str) -> str | None:
    """Say what speaks against a frontal chest X-ray in three words of a header.

    Args:
        modality: such as ``"DX"``.
        body_part: BodyPartExamined, such as ``"CHEST"``.
        view_position: such as ``"PA"``.

    Returns:
        One sentence; None where nothing does, as in a header that says nothing.

    >>> concern_of("DX", "CHEST", "PA") is None, concern_of("", "", "") is None
    (True, True)
    >>> concern_of("DX", "CHEST", "LL")
    'The header says LL, a lateral view: the search knows frontal ones alone.'
    """
    if modality.upper() not in _PROJECTIONS:
        return f"The header says {modality}, a slice or another kind of picture: the search knows radiographs."
    if body_part and not any(word in body_part.upper() for word in _CHEST):
        return f"The header says {body_part}: the search knows chest X-rays alone."
    if view_position.upper() in _LATERAL:
        return f"The header says {view_position}, a lateral view: the search knows frontal ones alone."
    return None


def describe(data: bytes, budget: Budget = LOCAL) -> PictureFacts:
    """Tell what a file says of its picture.

    Args:
        data: A PNG, JPEG or DICOM file.
        budget: What it may cost.

    Raises:
        ImageError: As :func:`engine.imaging.load_image`.

    Example:
        >>> from engine.imaging import encode_png
        >>> describe(encode_png(np.eye(30, 20, dtype=np.uint16))).depth
        '16 of 16 bits'
    """
    return load_described(data, budget)[1]


def load_described(
    data: bytes, budget: Budget = LOCAL, window: tuple[float, float] | None = None
) -> tuple[np.ndarray, PictureFacts]:
    """Decode a file once, for its pixels and what is said of them.

    Args:
        data: A PNG, JPEG or DICOM file.
        budget: What it may cost.
        window: Centre and width to show a DICOM picture with, instead of the file's own.

    Returns:
        ``(H, W)`` uint8 or uint16, and the facts.

    Raises:
        ImageError: As :func:`engine.imaging.load_image`; or the window is not wider than 0.
    """
    if not is_dicom(data):
        image = load_image(data, budget)
        bits = 8 * image.itemsize
        kind = "PNG" if data.startswith(b"\x89PNG") else "JPEG"
        return image, PictureFacts(kind, image.shape[0], image.shape[1], f"{bits} of {bits} bits")
    if window is not None and not window[1] > 0:
        raise ImageError(f"A window is wider than 0, not {window[1]:g}: choose another.")
    with _damage_named():
        return _dicom(data, budget, window)


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("The DICOM file is truncated or damaged: export it again.") from error


def _dicom(data: bytes, budget: Budget, window: tuple[float, float] | None) -> tuple[np.ndarray, PictureFacts]:
    from engine.imaging.dicom_pixels import stored_pixels
    from engine.imaging.grayscale import display
    from engine.imaging.limits import check_bytes

    check_bytes(data, budget)
    dataset = read_dicom(data, budget)
    check_dataset(dataset)
    stored = stored_pixels(dataset, budget)
    shown = display(dataset, stored, window)
    return shown.levels[stored.index], _facts(dataset, shown)


def _facts(dataset: "Dataset", shown: "Display") -> PictureFacts:
    stored, allocated = dataset.get("BitsStored") or dataset.BitsAllocated, dataset.BitsAllocated
    voi, position = shown.voi, _word(dataset, "ViewPosition")
    used = Window("Whole range", voi.centre, voi.width) if voi.kind in ("range", "full") else None
    if voi.kind == "window":
        used = Window("Window", voi.centre, voi.width)
    return PictureFacts(
        "DICOM",
        int(dataset.Rows),
        int(dataset.Columns),
        f"{stored} of {allocated} bits",
        used,
        _presets(dataset, shown),
        voi.passed_over,
        shown.inverted,
        "frontal" if position in _FRONTAL else "lateral" if position in _LATERAL else None,
        position,
        _word(dataset, "BodyPartExamined"),
        _word(dataset, "Modality"),
        _spacing(dataset),
    )


def _presets(dataset: "Dataset", shown: "Display") -> tuple[Window, ...]:
    from engine.imaging.grayscale import windows

    named = dataset.get("WindowCenterWidthExplanation") or ()
    names = [named] if isinstance(named, str) else [str(name) for name in named]
    stated = [
        Window(names[number] if number < len(names) else f"Window {number + 1}", centre, width)
        for number, (centre, width) in enumerate(windows(dataset))
    ]
    return (*stated, Window("Whole range", *shown.whole))


def _word(dataset: "Dataset", keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()


def _spacing(dataset: "Dataset") -> tuple[float, float] | None:
    """Millimetres between rows and columns: at the patient where known, else at the detector."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        found = numbers(dataset, keyword)
        if len(found) >= 2 and all(np.isfinite(found[:2])) and min(found[:2]) > 0:
            return found[0], found[1]
    return None
