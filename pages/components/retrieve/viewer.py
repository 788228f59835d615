"""Results as cards, and the viewer that opens from them.

No published component shows two pictures with linked zoom and window inside a Streamlit page without a content
delivery network or a server call a move, so this is a small one in plain JavaScript. Everything but "what is alike"
happens in the browser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components.kit.show import data_url
from pages.components.kit.words import counted, label_title
from pages.components.retrieve.search import Found
from pages.components.visit.picture import Picture

HERE = Path(__file__).parent
# Least cosine of the angle between two descriptors for each word. Plain words for a number that stands beside them.
LIKENESS = ((0.95, "nearly the same"), (0.85, "very alike"), (0.7, "alike"), (0.4, "somewhat alike"), (-1.0, "unlike"))
LIKENESS_HELP = (
    "Likeness is the cosine of the angle between the descriptors (64 bytes) of two pictures: 1 for equal ones. From "
    "0.95 it is called nearly the same, from 0.85 very alike, from 0.7 alike, from 0.4 somewhat alike."
)
_VERDICTS = {"same": "\u2713 {label}: same", "other": "\u2717 {label}: other", "open": "{label}"}
_COMPONENT = st.components.v2.component(
    "results",
    html=(HERE / "viewer.html").read_text(encoding="utf-8"),
    css=(HERE / "viewer.css").read_text(encoding="utf-8"),
    js=(HERE / "viewer.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Overlay:
    """What makes the query and one result alike, drawn.

    Attributes:
        rank: Of the result.
        query: JPEG of the query, tinted.
        result: JPEG of the result, tinted.
        words: The same in words.
    """

    rank: int
    query: bytes
    result: bytes
    words: str


def likeness_words(likeness: float | None) -> str:
    """Say how alike two pictures are, in words and a number; nothing where nobody measured it.

    >>> likeness_words(0.93), likeness_words(-0.2), likeness_words(None)
    ('very alike (0.93)', 'unlike (-0.20)', '')
    """
    if likeness is None:
        return ""
    words = next(words for least, words in LIKENESS if likeness >= least)
    return f"{words} ({likeness:.2f})"


def verdict(hit: Found, query_label: str | None) -> str:
    """Return ``"same"`` or ``"other"`` by label, ``"open"`` where one of the two is not known."""
    if query_label is None or not hit.label:
        return "open"
    return "same" if hit.label == query_label else "other"


def describe(hit: Found, query_label: str | None) -> str:
    """Say what a result is in one line, as a screen reader reads it."""
    label = _label(hit, query_label)
    return ", ".join(filter(None, (label, f"{counted(hit.distance, 'bit')} away", likeness_words(hit.likeness))))


def _label(hit: Found, query_label: str | None) -> str:
    label = label_title(hit.label) if hit.label else "no label"
    return _VERDICTS[verdict(hit, query_label)].format(label=label)


def results(
    found: Sequence[Found],
    picture: Picture,
    query_file: bytes,
    *,
    sealed: bool,
    on_pick: Callable[[Found], None],
    on_explain: Callable[[int], None] | None = None,
    overlay: Overlay | None = None,
    named: bool = False,
    name: str = "",
) -> None:
    """Show search results as cards that open in the viewer.

    Args:
        found: Results by rank.
        picture: The query. Where nobody knows its label nothing is right or wrong, as with results without one.
        query_file: JPEG of it at full resolution.
        sealed: Show what the server holds instead of the opened pictures.
        on_pick: Called with a result to search from.
        on_explain: Called with the rank of a result whose likeness is to be explained; None where it cannot be.
        overlay: The explanation asked for last.
        named: Whether the owner's names of the pictures stand on the cards.
        name: Tells a second grid on the page from the first.
    """
    key, by_rank = f"{name}results", {hit.rank: hit for hit in found}

    def picked() -> None:
        # The browser sends what it likes: only a rank that was shown counts.
        hit = by_rank.get(st.session_state[key].picked)
        if hit:
            on_pick(hit)

    def explained() -> None:
        rank = st.session_state[key].explained
        if on_explain and rank in by_rank:
            on_explain(rank)

    data = {
        "query": {"src": data_url(query_file), "words": f"Query: {picture.title}", "note": "Query"},
        "results": tuple(_as_data(hit, picture.label, named) for hit in found),
        "sealed": sealed,
        "explains": on_explain is not None,
        "overlay": _overlay(overlay),
    }
    # In a tuple: of a dictionary's values Streamlit asks pandas whether they are tables, and pandas costs 60 MiB.
    _COMPONENT(key=key, data=(data,), on_picked_change=picked, on_explained_change=explained)


def _as_data(hit: Found, query_label: str | None, named: bool) -> dict[str, Any]:
    return {
        "rank": hit.rank,
        "id": hit.id,
        "src": data_url(hit.opened),
        "sealed": data_url(hit.sealed),
        "distance": f"{counted(hit.distance, 'bit')} away",
        "likeness": likeness_words(hit.likeness),
        "label": _label(hit, query_label),
        "verdict": verdict(hit, query_label),
        "words": describe(hit, query_label),
        "name": hit.name if named else "",
        "note": f"Result {hit.rank}: {hit.credit or hit.name}",
    }


def _overlay(overlay: Overlay | None) -> dict[str, Any] | None:
    if overlay is None:
        return None
    return {
        "rank": overlay.rank,
        "query": data_url(overlay.query),
        "result": data_url(overlay.result),
        "words": overlay.words,
    }
