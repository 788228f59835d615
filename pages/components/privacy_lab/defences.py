"""Three ways to make codes tell less: what is left of each under attack, and what each costs."""

import streamlit as st

from engine.attacks.defences import ASKING, PADDED, TOLD
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import result
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import adversary, attacks_missing, spread

STUDY = "defences"


def defended() -> None:
    """Show masks of users, decoys among rows and coarser answers."""
    found = (result("attacks") or {}).get(STUDY)
    if not found:
        attacks_missing()
        return
    _masks(found["masks"])
    _decoys(found["decoys"])
    _coarser(found["coarser"])
    st.caption(f"{found['protocol'].replace('matdh', 'MATDH')}.")


def _masks(rows: list[dict]) -> None:
    st.markdown("**Another mask for each user, or after a while**")
    adversary(TOLD)
    table = [[row["way"].capitalize(), spread(row["unmasked"]), f"{row['bytes_a_user']}"] for row in rows]
    header = ("Masks", "Codes unmasked once a user tells", "Bytes a picture and user")
    show_table(markdown_table(header, table), key="user_masks", made_by="defences")


def _decoys(rows: list[dict]) -> None:
    st.markdown("**Rows of no picture among the rows**")
    adversary(PADDED)
    table = [
        [
            row["drawn"].capitalize(),
            str(row["decoys"]),
            spread(row["purity"]),
            spread(row["one_known"]),
            f"x {row['rows']}",
            f"{row['fetched'][0]:.1f}",
        ]
        for row in rows
    ]
    header = ("Decoys", "A picture", "Groups that are labels", "By one known a class", "Storage", "Fetched for ten")
    show_table(markdown_table(header, table), key="decoy_rows", made_by="defences")


def _coarser(rows: list[dict]) -> None:
    st.markdown("**Distances rounded down, or the order alone**")
    adversary(ASKING)
    counts = list(rows[0]["bits"])
    table = [
        [
            f"Steps of {row['told']}" if isinstance(row["told"], int) else row["told"].capitalize(),
            *(spread(row["bits"][count]) for count in counts),
            spread(row["kept"]),
            spread(row["right"]),
        ]
        for row in rows
    ]
    bits = (f"Bits learned, {count} questions" for count in counts)
    header = ("What is told", *bits, "Of the ten, still found", "Right label among ten")
    show_table(markdown_table(header, table), key="coarser_distances", made_by="defences")
