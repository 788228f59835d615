"""The dial for what codes keep, with what each position finds and tells."""

import streamlit as st

from engine.hashing.keeps import DEFAULT, DIALLED, KEEPS
from pages.components.kit.dials import one_of
from pages.components.kit.results import result


def choose_share(method: str) -> str:
    """Draw what codes keep, where a method has a choice; return it."""
    if method not in DIALLED:
        return DEFAULT
    chosen = one_of(
        "Codes keep",
        {name: name.capitalize() for name in KEEPS},
        "keeps",
        default=DEFAULT,
        width="stretch",
        help="Codes are all that the server compares. The more they follow the label, the surer the search finds the "
        "same label, and the more the server learns of it.",
    )
    st.caption(" ".join(filter(None, (KEEPS[chosen].words, told(chosen)))))
    return chosen


def told(keeps: str) -> str:
    """Say what codes of a share tell the server, and what they find besides; nothing where nobody measured."""
    found = result("dial")
    if found is None:
        return ""
    row = found["shares"][keeps]
    return (
        f"Measured: a server that groups such codes meets the label of {row['purity'][0]:.0%} of pictures (a guess: "
        f"{row['chance']:.0%}); another picture of the same patient is among the ten for {row['kin_in_ten'][0]:.0%}."
    )
