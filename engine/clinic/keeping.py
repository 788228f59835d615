"""What of a folder's files is sealed beside or in place of them: facts of headers, copies that name nobody."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from engine.clinic.deidentify import deidentified
from engine.clinic.header import read_header
from engine.imaging import encode_png, load_image
from engine.imaging.dicom import is_dicom
from engine.retrieval.folders import Found
from engine.retrieval.pictures import Picture


def with_headers(found: Found) -> Found:
    """Keep, in the sealed note of each file's picture, what its DICOM header says."""
    return _each(found, lambda one, file: replace(one, header=partial(_header, file)))


def with_copies(found: Found) -> Found:
    """Have copies that name nobody sealed in place of DICOM files, and PNGs of their pixels in place of others."""
    return _each(found, lambda one, file: replace(one, file=partial(cleared, file)))


def with_concerns(found: Found, concerns: dict[str, str]) -> Found:
    """Take down, as each picture is loaded, what its header says against a frontal chest X-ray.

    Args:
        found: From :func:`engine.retrieval.find_pictures`.
        concerns: is filled with one sentence by the picture's name.
    """
    return _each(found, lambda one, file: replace(one, load=partial(_noted, one, file, concerns)))


def _noted(picture: Picture, file: Callable[[], bytes], concerns: dict[str, str]) -> np.ndarray:
    image = picture.load()
    if concern := read_header(file()).concern:
        concerns[picture.name] = concern
    return image


def cleared(file: Callable[[], bytes]) -> bytes:
    """Give a file without what names anybody: see :mod:`engine.clinic.deidentify`.

    Raises:
        VaultError: the extra ``clinic`` is not installed, or the header cannot be cleared.
    """
    data = file()
    return deidentified(data) if is_dicom(data) else encode_png(load_image(data))


def _each(found: Found, change: Callable[[Picture, Callable[[], bytes]], Picture]) -> Found:
    pictures = tuple(change(one, one.file) if one.file else one for one in found.pictures)
    return replace(found, pictures=pictures)


def _header(file: Callable[[], bytes]) -> str:
    return read_header(file()).to_json()
