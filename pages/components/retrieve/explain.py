"""Why a search found what it found: which regions are alike, and what the neighbours' labels add up to."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from engine.hashing import Hasher
from engine.hashing.saliency import SimilarityMap, similarity_maps
from engine.imaging import encode_jpeg, resize
from pages.components.kit import show
from pages.components.kit.metrics import Figure, figure_row, with_interval
from pages.components.kit.results import method_result
from pages.components.kit.words import LABELS
from pages.components.retrieve.search import Found
from pages.components.visit.picture import Picture

SIDE = 320
STRENGTH = 0.65
# Orange and blue of the Okabe-Ito palette: told apart by every kind of colour vision.
MORE, LESS = np.array([230.0, 120, 0]), np.array([0.0, 114, 178])
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


def label_votes(found: Sequence[Found], method: str, bits: int) -> None:
    """Show what the neighbours' labels add up to, for two classes and for three.

    Args:
        found: Results by rank.
        method: Of hashing.
        bits: Code length, with the method for the measured share of right votes.
    """
    counts = Counter(hit.label for hit in found)
    measured = method_result(method)
    rows = []
    for label, title in LABELS.items():
        rows.append(
            Figure(title, f"{counts[label]} of {len(found)}", how=_measured_vote(measured, bits, "three_class"))
        )
    positive = counts["covid-19"]
    verdict = "COVID-19" if positive > len(found) / 2 else "not COVID-19" if positive < len(found) / 2 else "undecided"
    rows.append(Figure("COVID-19 or not", verdict, how=_measured_vote(measured, bits, "binary")))
    figure_row(rows, min_width=120)


def why_alike(picture: Picture, hit: Found, network: Hasher, load: Callable[[Found], np.ndarray]) -> None:
    """Show which regions of the query and of one result make their codes agree.

    Args:
        picture: The query.
        hit: One of its results.
        network: The hasher, with the code length of the search.
        load: Gives the result's picture, ``(H, W)``.
    """
    views = explain(picture, hit, network, load)
    *sides, words_side = st.columns([1, 1, 1], gap="medium")
    for side, (file, words), title in zip(sides, views, ("Your query", f"Result {hit.rank}"), strict=True):
        with side:
            show.picture(file, alt=f"{title}: {words}", width=SIDE)
            st.caption(f"**{title}**: {words}.")
    words_side.markdown(
        "The agreement (1 for equal codes) is the sum over all regions. :orange[Orange] regions give more of it than "
        "the average region, :blue[blue] ones less."
    )
    words_side.caption(
        "Regions are as coarse as the network's last map. They say what the network used, not what a radiologist "
        "would look at."
    )


def explain(
    picture: Picture, hit: Found, network: Hasher, load: Callable[[Found], np.ndarray]
) -> list[tuple[bytes, str]]:
    """Return the query and one result, tinted by what makes their codes agree, each with the same in words."""
    return show.derived(
        picture.token, "why_alike", (hit.id, network.bits), lambda: _views(network, picture.image, load(hit))
    )


def _views(network: Hasher, query: np.ndarray, result_image: np.ndarray) -> list[tuple[bytes, str]]:
    return [(overlay_file(one), describe_heat(one)) for one in similarity_maps(network, query, result_image)]


def overlay_file(one: SimilarityMap) -> bytes:
    """Return a JPEG of the framed picture, tinted where a region gives more or less than an even share."""
    gray = resize(one.picture, SIDE).astype(np.float64)[..., None]
    heat = replace(one, picture=np.zeros((SIDE, SIDE), np.uint8)).heat
    even = one.similarity / heat.size
    tint = np.clip((heat - even) / max(abs(even), 1e-12), -1, 1)[..., None]
    colour = np.where(tint >= 0, MORE, LESS)
    alpha = np.abs(tint) * STRENGTH
    return encode_jpeg(np.round(gray * (1 - alpha) + colour * alpha).astype(np.uint8), quality=85)


def describe_heat(one: SimilarityMap) -> str:
    """Say in words where a map is strongest, as the picture is drawn.

    Example:
        >>> cells = np.zeros((4, 4), np.float32)
        >>> cells[0, 3] = 0.5
        >>> describe_heat(SimilarityMap(0.5, cells, np.zeros((8, 8), np.uint8)))
        'agreement 0.50, strongest in the upper right'
    """
    cells = one.contributions
    row, column = np.unravel_index(int(cells.argmax()), cells.shape)
    words = (_ROWS[int(row) * 3 // len(cells)], _COLUMNS[int(column) * 3 // cells.shape[1]])
    return f"agreement {one.similarity:.2f}, strongest in the {words[0]} {words[1]}"


def _measured_vote(measured: dict | None, bits: int, task: str) -> str:
    if measured is None or str(bits) not in measured["bits"]:
        return "How often this vote is right has not been measured yet."
    value, interval = with_interval(measured["bits"][str(bits)][task]["accuracy"])
    return f"On {measured['protocol']['dataset']}'s test pictures this vote is right {value} of the time ({interval})."
