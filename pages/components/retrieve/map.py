"""A map of the gallery: each picture where its code or its features put it, and a click to search from it.

The projection is principal component analysis: it needs no dependency and puts a query among the pictures without being
fitted again. UMAP would bring numba (100 MB) for a drawing whose distances between groups mean less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import streamlit as st

from engine.datasets import Record
from engine.hashing import unpack_bits
from engine.hashing.descriptors import likeness
from engine.imaging import encode_jpeg, resize
from pages.components.kit.show import data_url
from pages.components.kit.words import counted, label_title
from pages.components.visit import gallery as galleries

HERE = Path(__file__).parent
TILES, TILE = 24, 64
# Okabe and Ito's, told apart by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d00", "#7f7f7f")
NEAR, FAR = np.array([213.0, 94, 0]), np.array([86.0, 180, 233])
SPACES = {"codes": "Codes", "features": "Features"}
HUES = {
    "label": "Label",
    "source": "Source",
    "distance": "Distance to the query",
    "likeness": "Likeness to the query",
}
_COMPONENT = st.components.v2.component(
    "map",
    html=(HERE / "map.html").read_text(encoding="utf-8"),
    css=(HERE / "map.css").read_text(encoding="utf-8"),
    js=(HERE / "map.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Atlas:
    """What is drawn.

    Attributes:
        records: Of the pictures.
        codes: ``(N, bits // 8)`` uint8 of them.
        descriptors: ``(N, 64)`` int8 of them.
        code: ``(bits // 8,)`` uint8 of the query.
        descriptor: ``(64,)`` int8 of the query.
        found: Names of its results.
    """

    records: Sequence[Record]
    codes: npt.NDArray[np.uint8]
    descriptors: npt.NDArray[np.int8]
    code: npt.NDArray[np.uint8]
    descriptor: npt.NDArray[np.int8]
    found: frozenset[str]


def project(vectors: npt.NDArray[np.floating], query: npt.NDArray[np.floating]) -> tuple[np.ndarray, np.ndarray, float]:
    """Project vectors and one more onto the first two principal components of the vectors.

    Args:
        vectors: ``(N, D)`` float.
        query: ``(D,)`` float.

    Returns:
        ``(N, 2)`` and ``(2,)``, and the share of the variance that the two components keep.

    Example:
        >>> line = np.array([[0.0, 0], [1, 1], [2, 2]])
        >>> places, place, kept = project(line, np.array([1.0, 1]))
        >>> bool(np.allclose(place, 0)), round(kept, 3)
        (True, 1.0)
    """
    mean = vectors.mean(axis=0)
    _, values, components = np.linalg.svd(vectors - mean, full_matrices=False)
    plane = components[:2].T
    total = float((values**2).sum())
    return (vectors - mean) @ plane, (query - mean) @ plane, float((values[:2] ** 2).sum()) / total if total else 1.0


def draw_map(atlas: Atlas, space: str, hue: str, on_pick: Callable[[str], None]) -> float:
    """Draw the map.

    Args:
        atlas: What to draw.
        space: A key of ``SPACES``.
        hue: A key of ``HUES``.
        on_pick: Called with the id of the picture that was clicked.

    Returns:
        The share of the variance that the two directions of the map keep.
    """
    vectors, query = _vectors(atlas, space)
    places, place, kept = project(vectors, query)
    spread, spot = _on_screen(places, place)
    colours, legend = _colours(atlas, hue)
    points = tuple(
        {
            "id": record.id,
            "x": float(x),
            "y": float(y),
            "colour": colour,
            "tile": tile,
            "found": record.id in atlas.found,
            "words": f"{label_title(record.label)}, {record.publisher or record.source}",
        }
        for tile, (record, (x, y), colour) in enumerate(zip(atlas.records, spread, colours, strict=True))
    )
    offered = {point["id"] for point in points}

    def picked() -> None:
        # The browser sends what it likes: only a picture of the map counts.
        chosen = st.session_state["gallery_map"].picked
        if chosen in offered:
            on_pick(chosen)

    data = {
        "points": points,
        "query": tuple(map(float, spot)),
        "legend": tuple(legend),
        "sprite": data_url(sprite(galleries.gallery_name())),
        "words": f"Map of {counted(len(points), 'picture')} by {SPACES[space].lower()}; arrow keys go through it",
    }
    _COMPONENT(key="gallery_map", data=data, on_picked_change=picked)
    return kept


@st.cache_data(show_spinner=False, max_entries=3)
def sprite(name: str) -> bytes:
    """Return one JPEG with a thumbnail of every picture that is searched, ``TILES`` in a row."""
    dataset = galleries.searched(name)
    rows = -(-len(dataset) // TILES)
    sheet = np.zeros((rows * TILE, TILES * TILE), np.uint8)
    for tile in range(len(dataset)):
        top, left = tile // TILES * TILE, tile % TILES * TILE
        pixels = resize(dataset.load(tile), TILE)
        sheet[top : top + TILE, left : left + TILE] = pixels[:TILE, :TILE]
    return encode_jpeg(sheet, quality=70)


def _vectors(atlas: Atlas, space: str) -> tuple[np.ndarray, np.ndarray]:
    if space == "codes":
        bits = unpack_bits(np.vstack([atlas.codes, atlas.code])).astype(np.float64)
        return bits[:-1], bits[-1]
    return atlas.descriptors.astype(np.float64), atlas.descriptor.astype(np.float64)


def _on_screen(places: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places in percent of the plot; equal ones are spread a little, or they would lie on each other."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = np.where(high > low, high - low, 1.0)
    jitter = np.random.default_rng(0).normal(0, 0.9, places.shape)
    return np.clip(5 + 90 * (places - low) / scale + jitter, 1, 99), np.clip(5 + 90 * (place - low) / scale, 1, 99)


def _colours(atlas: Atlas, hue: str) -> tuple[list[str], list[tuple[str, str]]]:
    if hue == "distance":
        distances = np.bitwise_count(atlas.codes ^ atlas.code).sum(axis=1)
        most = max(int(distances.max()), 1)
        return _shades(distances / most, "0 bits away", f"{counted(most, 'bit')} away")
    if hue == "likeness":
        alike = likeness(atlas.descriptor, atlas.descriptors)
        return _shades((1 - alike) / max(1 - alike.min(), 1e-9), "1.00: equal", f"{alike.min():.2f}: least alike")
    names = [label_title(r.label) if hue == "label" else r.publisher or r.source for r in atlas.records]
    by_name = dict(zip(sorted(set(names)), COLOURS * 3, strict=False))
    return [by_name[name] for name in names], list(by_name.items())


def _shades(shares: np.ndarray, near: str, far: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the colour of each picture from how far it is, 0 to 1, and the legend of both ends."""
    mixed = NEAR + (FAR - NEAR) * shares[:, None]
    colours = [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in mixed]
    ends = [f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in (NEAR, FAR)]
    return colours, [(near, ends[0]), (far, ends[1])]
