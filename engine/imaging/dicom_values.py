"""Values of DICOM attributes as the standard means them, however a file writes them."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset


def numbers(dataset: "Dataset", keyword: str) -> tuple[float, ...]:
    """Read decimal strings the way they are written, a decimal comma among them; NaN for what is no number."""
    element = dataset.get_item(keyword)
    value = None if element is None else element.value
    if value is None:
        return ()
    if isinstance(value, bytes):
        parts = value.decode("latin-1").split("\\")
    else:
        parts = [
            str(part) for part in (value if isinstance(value, (list, tuple)) or hasattr(value, "insert") else [value])
        ]
    return tuple(_number(part) for part in parts if part.strip(" \0"))


def _number(text: str) -> float:
    try:
        number = float(text.strip(" \0").replace(",", "."))
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan
