"""What masked sketches, and codes of every share of the dial, tell the server."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from engine.hashing.keeps import KEEPS
from pages.components.kit.metrics import markdown_table, signed
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import spread

TITLES = {"label": "Label", "source": "Source", "patient": "Patient"}
HELD = {"codes": "Masked codes", "sketches": "Masked sketches", "both": "Both"}


def dial_sentence(found: Mapping[str, Any] | None) -> None:
    """Say how far the dial changes what masked codes tell; nothing where nobody measured.

    Args:
        found: ``models/results/dial.json``.
    """
    if found is None:
        return
    shares = found["shares"]
    told = ", ".join(f"{KEEPS[keeps].title.lower()} {row['purity'][0]:.0%}" for keeps, row in shares.items())
    kin = ", ".join(f"{row['kin_in_ten'][0]:.0%}" for row in shares.values())
    chance = next(iter(shares.values()))["chance"]
    st.markdown(
        f"**What codes keep is chosen with `index --codes`.** Groups of masked codes are labels for: {told} (a guess: "
        f"{chance:.0%}). In the same order, another picture of the patient is among the nearest ten for {kin}."
    )


def sketches_table(found: Mapping[str, Any] | None) -> None:
    """Say what sketches tell a server beside codes; nothing where nobody measured.

    Args:
        found: ``models/results/sketches.json``.
    """
    if found is None:
        return
    st.markdown(f"**What sketches add to what codes tell.** {sketches_sentence(found)}")
    rows = [
        [f"{TITLES[fact]} {what}", *(spread(row[held]) for held in HELD), f"{row['chance']:.1%}"]
        for fact, what, row in _rows(found)
    ]
    show_table(markdown_table(("Server names", *HELD.values(), "Chance"), rows), key="sketches", made_by="sketches")
    st.caption(f"{found['protocol']}. `index --no-sketches` keeps sketches back; equal codes then come in any order.")


def sketches_sentence(found: Mapping[str, Any]) -> str:
    """Say in a sentence for each fact whether a server guesses more of it once it has sketches.

    Args:
        found: As for :func:`sketches_table`.
    """
    said = []
    for fact, row in {**found["facts"], "patient": found["patient"]}.items():
        mean, low, high = row["more"]
        verdict = "surely more" if low > 0 else "surely less" if high < 0 else "no sure change"
        said.append(f"{TITLES[fact].lower()} {signed(mean)} ({signed(low)} to {signed(high)}, {verdict})")
    return f"With sketches beside codes the share that a server guesses right changes: {', '.join(said)}."


def _rows(found: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Each row of the table: the fact, how it is come by, and values by what the server holds."""
    rows = []
    for fact, row in found["facts"].items():
        for figure, what in (("guessed", "from a tenth that is known"), ("purity", "by groups, nothing known")):
            values = {held: row[held][figure] for held in HELD}
            rows.append((fact, what, {**values, "chance": row["chance"]}))
    what = f"of the {found['patient']['pictures']} pictures that have another, nearest row"
    return [*rows, ("patient", what, found["patient"])]
