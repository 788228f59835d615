"""Encrypted search live: one picture encrypted, read by the server's network, answered, and opened by its user."""

from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from engine.datasets.built_in import Anatomy, load_anatomy
from engine.encrypted_search.roles import PictureOwner, QueryUser, SearchServer
from engine.encrypted_search.setting import Setting
from engine.evaluation import pairwise_distances
from engine.imaging import encode_png, resize, to_uint8
from engine.studies.encrypted_search.measurement import eight_bits
from pages.components.encrypted_search.cells import Cell
from pages.components.kit.results import arrays
from pages.components.kit.show import data_url, derived
from pages.components.kit.words import label_title
from pages.components.visit import gallery as galleries
from pages.components.visit.keys import visit_key
from pages.components.visit.picture import Picture, samples

SIDE = 64
SHOWN_SIDE = 256
NEIGHBOURS = 10
ANSWERS = "encrypted_search"
KEY = "encrypted_search"


@dataclass(frozen=True)
class Answer:
    """What the server makes of one encrypted picture.

    Attributes:
        classes: Names of the classes.
        probabilities: ``(C,)`` of them.
        labels: Class names of the nearest training pictures, nearest first.
        ids: Their names.
        distances: Their Euclidean distances.
    """

    classes: list[str]
    probabilities: np.ndarray
    labels: list[str]
    ids: list[str]
    distances: list[float]


def small(image: np.ndarray) -> np.ndarray:
    """Return the middle square of a picture as the networks take it: ``(64, 64)`` uint8."""
    pixels = resize(to_uint8(image), SIDE)
    top, left = ((length - SIDE) // 2 for length in pixels.shape)
    return pixels[top : top + SIDE, left : left + SIDE]


def enlarged(pixels: np.ndarray) -> bytes:
    """Return a PNG in which every pixel is a sharp square."""
    return encode_png(np.kron(pixels, np.ones((SHOWN_SIDE // SIDE,) * 2 + (1,) * (pixels.ndim - 2), np.uint8)))


def encrypted(image: np.ndarray, setting: Setting, masks: int, key: bytes) -> np.ndarray:
    """Encrypt one picture ``(64, 64)`` as the dials say: ``(64, 64, 3)`` uint8."""
    return setting.encrypt(image[None], ["query"], key, masks)[0]


def answer(cell: Cell, pixels: np.ndarray) -> Answer:
    """Let the network of a cell classify an encrypted picture and find its nearest training pictures.

    Args:
        cell: Network, setting and quantization.
        pixels: ``(64, 64, 3)`` uint8, encrypted.
    """
    from engine.encrypted_search.classifier import load_quantized, predict

    network = load_quantized(cell.method, cell.setting.name, cell.mode)
    found = predict(network, cell.setting.canonical(pixels[None]))
    held = arrays(
        ANSWERS, f"{cell.method}/{cell.setting.name}/gallery", f"{cell.method}/{cell.setting.name}/scale",
        "gallery_labels", "gallery_ids", "classes",
    )  # fmt: skip
    gallery, scale = (held[f"{cell.method}/{cell.setting.name}/{name}"] for name in ("gallery", "scale"))
    # Those of which the pictures come with the project, so that every result can be looked at.
    here = np.isin(held["gallery_ids"], searched_ids())
    gallery, labels, names = gallery[here], held["gallery_labels"][here], held["gallery_ids"][here]
    query = eight_bits(found.features[0], float(scale)).astype(np.float32)
    distances = pairwise_distances(query[None], gallery.astype(np.float32))[0] * float(scale)
    nearest = np.argsort(distances, kind="stable")[:NEIGHBOURS]
    classes = [str(name) for name in held["classes"]]
    return Answer(
        classes,
        found.probabilities[0],
        [classes[label] for label in labels[nearest]],
        [str(name) for name in names[nearest]],
        distances[nearest].tolist(),
    )


@st.cache_resource(show_spinner=False)
def anatomy() -> Anatomy:
    """Return the anatomy pictures that come with the project."""
    return load_anatomy()


def searched_ids() -> list[str]:
    """Return the names of the training pictures that a live search looks through."""
    box = anatomy()
    return [name for name, split in zip(box.ids, box.splits, strict=True) if split == "train"]


def sample(label: str) -> np.ndarray:
    """Return a test picture of a class that the networks know, ``(64, 64)`` uint8."""
    box = anatomy()
    kinds = zip(box.splits, box.labels, strict=True)
    return box.images[next(n for n, kind in enumerate(kinds) if kind == ("test", label))]


@dataclass(frozen=True)
class Tile:
    """One picture of a row.

    Attributes:
        picture: PNG or JPEG; None for words alone.
        title: In bold below it.
        note: Below that.
        alt: The picture in words.
    """

    picture: bytes | None
    title: str = ""
    note: str = ""
    alt: str = ""


def tiles(row: list[Tile], *, width: str) -> None:
    """Show pictures side by side, each at least ``width`` wide (CSS); they wrap where the screen is narrow."""
    items = "".join(_item(tile) for tile in row)
    columns = f"grid-template-columns:repeat(auto-fill,minmax({width},1fr))"
    st.html(f"<style>{_STYLE}</style><div class='es-tiles' role='list' style='{columns}'>{items}</div>")


def _item(tile: Tile) -> str:
    image = f'<img src="{data_url(tile.picture)}" alt="{escape(tile.alt)}">' if tile.picture else ""
    title = f"<b>{escape(tile.title)}</b>" if tile.title else ""
    note = f"<small>{escape(tile.note)}</small>" if tile.note else ""
    return f'<div role="listitem">{image}{title}{note}</div>'


_STYLE = """
.es-tiles { display: grid; gap: .5rem; }
.es-tiles img { width: 100%; border-radius: 6px; image-rendering: pixelated; display: block; }
.es-tiles b, .es-tiles small { display: block; font-size: .8rem; line-height: 1.3; }
.es-tiles small { opacity: .75; }
"""


def result_tiles(found: Answer) -> list[Tile]:
    """Return the nearest training pictures: what each is, and how far."""
    box, row = anatomy(), []
    for rank, (name, label, distance) in enumerate(zip(found.ids, found.labels, found.distances, strict=True), 1):
        file = encode_png(box.images[box.ids.index(name)])
        title = f"{rank}. {label_title(label)}"
        row.append(Tile(file, title, f"distance {distance:.2f}", f"Result {rank}: {label_title(label)}"))
    return row


@dataclass(frozen=True)
class Walk:
    """Paper B Fig. 2, done once for real.

    Attributes:
        stored: What the server keeps: ids and encrypted pictures ``(64, 64, 3)``.
        query: What the user sends, ``(64, 64, 3)``.
        hits: Ids the server answers with, nearest first, and their distances.
        opened: The pictures of those ids, opened by the user with the keys that the owner released.
        refused: What happens when the key of the first is tried on a picture that was not released.
    """

    stored: list[tuple[str, np.ndarray]]
    query: np.ndarray
    hits: list[tuple[str, float]]
    opened: list[np.ndarray]
    refused: str


def walk(cell: Cell, picture: Picture, masks: int) -> Walk:
    """Let an owner encrypt the sample pictures, a server index them, a user ask with ``picture`` and open two."""
    from engine.encrypted_search.classifier import load_quantized
    from engine.encryption import AuthenticationError

    name = picture.gallery
    images = [small(galleries.load(name, position)) for position in samples(name)]
    owner = PictureOwner(visit_key(KEY), cell.setting, masks)
    server = SearchServer(load_quantized(cell.method, cell.setting.name, cell.mode), cell.setting)
    stored = owner.encrypt(images)
    server.receive(stored)
    user = QueryUser(cell.setting, masks)
    query = user.ask(small(picture.image))
    hits = server.search(query, k=2)
    keys = owner.release([hit.id for hit in hits])
    opened = [user.open(found, keys[found.id]) for found in server.fetch(list(keys))]
    other = next(held for held in stored if held.id not in keys)
    try:
        user.open(other, keys[hits[0].id])
        refused = "It opens: under a shared key, whoever may open one picture may open all."
    except AuthenticationError as error:
        refused = f"Refused: {error}"
    return Walk(
        [(held.id, held.pixels) for held in stored], query, [(hit.id, hit.distance) for hit in hits], opened, refused
    )


def walked(cell: Cell, picture: Picture, masks: int) -> Walk:
    """Return :func:`walk` of this visit, done once for each picture and setting of the dials."""
    dials = (cell.method, cell.setting.name, cell.mode, masks)
    return derived(picture.token, "encrypted walk", dials, lambda: walk(cell, picture, masks))
