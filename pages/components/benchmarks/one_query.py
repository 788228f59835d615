"""Paper A's Fig. 10: the ten nearest of one query by every method, from the shipped codes of the built-in gallery."""

from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from engine.evaluation import pairwise_distances
from engine.hashing.codebook import fingerprint, load_book
from engine.hashing.methods import CODE_METHODS, METHODS
from pages.components.kit.show import data_url
from pages.components.kit.words import label_title
from pages.components.visit import gallery as galleries
from pages.components.visit.picture import current_picture, samples

SHOWN = 10
SIDE = 72
# Right and wrong differ in the line's style too, for eyes that tell no colours apart.
_STYLE = """
.one-query { display: grid; grid-template-columns: minmax(6.5rem, 1.3fr) repeat(10, minmax(2.6rem, 1fr)); gap: .3rem;
  align-items: center; min-width: 36rem; }
.one-query img { width: 100%; aspect-ratio: 1; object-fit: cover; display: block; box-sizing: border-box;
  border: 3px solid #0b7a75; border-radius: 4px; }
.one-query img.wrong { border: 3px dashed #c2410c; }
.one-query small { opacity: .75; display: block; }
"""


@dataclass(frozen=True)
class Row:
    """One method's answer.

    Attributes:
        title: The method's name.
        positions: Of the nearest pictures, nearest first.
        right: Whether each has the query's label.
    """

    title: str
    positions: list[int]
    right: list[bool]


def nearest(codes: np.ndarray, query: int, count: int = SHOWN) -> list[int]:
    """Return the pictures nearest to one of them by Hamming distance, itself left out, earlier ones first among equals.

    Args:
        codes: ``(N, bytes)`` uint8, packed.
        query: Position of the one that asks.
        count: How many.
    """
    distances = pairwise_distances(codes[query : query + 1], codes)[0]
    order = np.argsort(distances, kind="stable")
    return [int(position) for position in order[order != query][:count]]


def answers(query: int, bits: int) -> list[Row]:
    """Return what every hashing method finds for a picture of the built-in gallery, who has most right ones first.

    Args:
        query: Position in the gallery.
        bits: Code length.
    """
    labels, marks = galleries.gallery(galleries.BUILT_IN).labels, _marks()
    rows = []
    for method in CODE_METHODS:
        entries = load_book(method).entries
        if not all(mark in entries for mark in marks):
            continue
        found = nearest(np.stack([entries[mark].codes[bits] for mark in marks]), query)
        right = [bool(labels[place] == labels[query]) for place in found]
        rows.append(Row(METHODS[method].title, found, right))
    return sorted(rows, key=lambda row: -sum(row.right))


@st.cache_data(show_spinner="Looking up the gallery's codes …")
def _marks() -> list[bytes]:
    """By which each picture of the gallery stands in the books of codes."""
    dataset = galleries.gallery(galleries.BUILT_IN)
    return [fingerprint(dataset.load(position)) for position in range(len(dataset))]


def section(bits: int) -> None:
    """Draw the figure for the picture chosen, or for a sample where that is none of the gallery's."""
    picture = current_picture()
    here = picture.position is not None and picture.gallery == galleries.BUILT_IN
    query = picture.position if here and picture.position is not None else samples(galleries.BUILT_IN)[0]
    rows = answers(query, bits)
    asked = _image(query, right=True, words="The query")
    cells = [
        f"<div><b>Query</b><small>{escape(_label(query))}</small></div>{asked}<div style='grid-column:span 9'></div>"
    ]
    for row in rows:
        cells.append(f"<div><b>{escape(row.title)}</b><small>{sum(row.right)} of {SHOWN} of its label</small></div>")
        for rank, (place, right) in enumerate(zip(row.positions, row.right, strict=True), 1):
            cells.append(_image(place, right=right, words=f"{row.title}, result {rank}: {_label(place)}"))
    st.html(f"<style>{_STYLE}</style><div style='overflow-x:auto'><div class='one-query'>{''.join(cells)}</div></div>")
    st.caption(
        f"{bits} bits, {len(galleries.gallery(galleries.BUILT_IN)):,} pictures of the built-in gallery, which no "
        "shipped network was trained on; solid frame: the query's label, dashed: another. One query proves nothing: it "
        "is shown because the paper's Fig. 10 shows one. The half-width MATDH had the other methods' small budget; "
        "X-MIR has no bits and is not here. Choose another query on any page with pictures."
    )


def _label(position: int) -> str:
    dataset = galleries.gallery(galleries.BUILT_IN)
    return label_title(dataset.classes[dataset.labels[position]])


def _image(position: int, *, right: bool, words: str) -> str:
    source = data_url(galleries.thumbnail(galleries.BUILT_IN, position, SIDE))
    return f'<img src="{source}" alt="{escape(words)}" class="{"right" if right else "wrong"}">'
