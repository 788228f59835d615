"""Cards: the results of a search."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components.kit.show import picture
from pages.components.kit.words import counted, label_title
from pages.components.retrieve.search import Found


def result_grid(
    found: Sequence[Found], query_label: str | None, *, sealed: bool, on_pick: Callable[[Found], None], name: str = ""
) -> None:
    """Show search results as cards: rank, distance, label, right or wrong by icon, word and frame.

    Args:
        found: Results by rank.
        query_label: Label of the query, or None where nobody knows it: then nothing is right or wrong, as with
            results that have no label.
        sealed: Show what the server holds instead of the opened pictures.
        on_pick: Called with a result to search from.
        name: Tells a second grid on the page from the first.
    """
    st.html(_FRAMES)
    with st.grid(5, min_column_width=140, gap="small"):
        for hit in found:
            verdict = (
                "open" if query_label is None or not hit.label else "right" if hit.label == query_label else "wrong"
            )
            with st.container(border=True, gap="xsmall", key=f"hit_{verdict}_{name}{hit.rank}"):
                _card(hit, verdict, sealed, on_pick, name)


_FRAMES = """<style>
[class*="st-key-hit_"] { padding: 0.5rem; }
[class*="st-key-hit_right"] { border: 2px solid #009e73; }
[class*="st-key-hit_wrong"] { border: 2px dashed #d55e00; }
</style>"""
_BADGES = {
    "right": ":green-badge[:material/check: {label}: same]",
    "wrong": ":orange-badge[:material/close: {label}: other]",
    "open": ":gray-badge[{label}]",
}


def _card(hit: Found, verdict: str, sealed: bool, on_pick: Callable[[Found], None], name: str) -> None:
    label = label_title(hit.label) if hit.label else "no label"
    alt = f"Result {hit.rank}, {counted(hit.distance, 'bit')} away, " + (
        "sealed: noise" if sealed else f"{label}, opened"
    )
    picture(hit.sealed if sealed else hit.opened, alt=alt)
    st.markdown(f"**{hit.rank}.** {counted(hit.distance, 'bit')} away")
    st.markdown(
        ":gray-badge[:material/lock: unknown to the server]" if sealed else _BADGES[verdict].format(label=label)
    )
    st.button(
        "Search from this",
        key=f"from_{name}{hit.rank}",
        type="tertiary",
        icon=":material/image_search:",
        on_click=on_pick,
        args=(hit,),
    )
