"""The galleries on offer, and their pictures: public, so shared by all visitors."""

import time
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from engine.datasets import DataError, Dataset, load_dataset
from engine.imaging import encode_jpeg, resize
from pages.components.visit.links import linked

BUILT_IN = "simulated"
REAL = "covidx-open"
TITLES = {BUILT_IN: "Simulated", REAL: "COVIDx-open (real)"}
# Looking costs a second's fraction; pictures that come by the command line are seen this soon.
LOOK_SECONDS = 10.0


def gallery_name() -> str:
    """Return the gallery in use; the built-in one unless the visitor chose another that is here."""
    name = linked("gallery", BUILT_IN)
    return name if name in available() else BUILT_IN


def available() -> tuple[str, ...]:
    """Return the names of the galleries whose pictures are on this machine."""
    return tuple(name for name in TITLES if gallery(name) is not None)


def gallery(name: str) -> Dataset | None:
    """Return a gallery, or None where its pictures are not on this machine, or not yet.

    Raises:
        DataError: The built-in gallery, which always is, cannot be read.
    """
    here = shelf()
    if name not in here.opened and time.monotonic() >= here.look_again.get(name, 0.0):
        try:
            here.opened[name] = load_dataset(name)
        except DataError:
            if name == BUILT_IN:
                raise
            here.look_again[name] = time.monotonic() + LOOK_SECONDS
    return here.opened.get(name)


def look_again(name: str) -> None:
    """Look for a gallery at once: its pictures have just come."""
    shelf().look_again.pop(name, None)


@dataclass(frozen=True)
class Shelf:
    """The galleries that are open, and when to look again for those that were not here."""

    opened: dict[str, Dataset] = field(default_factory=dict)
    look_again: dict[str, float] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Return the galleries of this process."""
    return Shelf()


def positions(name: str) -> dict[str, int]:
    """Return where each picture of a gallery stands, by its id; nothing while the gallery is not here."""
    return _positions(name) if gallery(name) else {}


@st.cache_resource(show_spinner=False)
def _positions(name: str) -> dict[str, int]:
    return {record.id: position for position, record in enumerate(gallery(name).records)}


@st.cache_data(show_spinner=False, max_entries=64)
def load(name: str, position: int) -> np.ndarray:
    """Return a picture of a gallery, ``(H, W)``."""
    return gallery(name).load(position)


@st.cache_data(show_spinner=False, max_entries=2500)
def thumbnail(name: str, position: int, side: int = 112) -> bytes:
    """Return a small JPEG of a picture of a gallery."""
    return encode_jpeg(resize(gallery(name).load(position), side), quality=82)
