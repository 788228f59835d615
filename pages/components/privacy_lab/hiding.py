"""What the server sees besides codes, and what hiding it costs: known pairs, sizes, and which pictures are fetched."""

import numpy as np
import streamlit as st

from engine.attacks import codes as attacks
from engine.attacks.fetches import FETCHES
from engine.attacks.sizes import SIZES
from engine.hashing.codes import unpack_bits
from engine.retrieval import CodeMask
from engine.studies.attacks.codes import BITS, METHOD
from pages.components.kit.metrics import Figure, figure_row, markdown_table
from pages.components.kit.results import arrays, result
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import adversary, attacks_missing, spread
from pages.components.visit.keys import fresh_key

STUDIES = ("pairs", "sizes", "decoys")
DEFAULT_PAIRS, MOST_PAIRS = 8, 32


def hidden() -> None:
    """Unmask codes live with a few known pairs, and show what sizes and decoys tell and cost."""
    found = result("attacks") or {}
    if not all(name in found for name in STUDIES):
        attacks_missing()
        return
    _known_pairs(found["pairs"])
    _sizes(found["sizes"])
    _decoys(found["decoys"])


def _known_pairs(found: dict) -> None:
    st.markdown("**Codes known in both forms**")
    adversary(attacks.KNOWN_PAIRS)
    count = st.slider("Pairs the server knows", 1, MOST_PAIRS, DEFAULT_PAIRS, key="pairs", bind="query-params")
    (codes,) = arrays(METHOD, f"query_{BITS}").values()
    mask = CodeMask.derive(fresh_key("pairs"), salt=b"lab", bits=BITS)
    known = np.random.default_rng().choice(len(codes), count, replace=False)
    rest = np.delete(codes, known, axis=0)
    opened = attacks.recover_mask(codes[known], mask.apply(codes[known])).remove(mask.apply(rest))
    whole = (opened == rest).all(axis=1).mean()
    bits = (unpack_bits(opened) == unpack_bits(rest)).mean()
    measured = {row["pairs"]: row for row in found["rows"]}
    nearest = min(measured, key=lambda pairs: abs(pairs - count))
    figure_row(
        [
            Figure("Other codes unmasked", f"{whole:.0%}", f"of {len(rest)}", "Live, under a fresh mask."),
            Figure("Their bits unmasked", f"{bits:.1%}", "half is a guess", "Live, under a fresh mask."),
            Figure(f"Measured, {nearest} pairs", f"{measured[nearest]['codes'][0]:.0%}", "of codes", found["protocol"]),
        ]
    )
    st.caption(
        "A user is given the mask, and one who tells it to the server gives all of it away; so do a few pictures whose "
        "codes the server can compute. The mask belongs to a gallery: `rotate` draws another."
    )


def _sizes(found: dict) -> None:
    st.markdown("**Sizes of sealed pictures**")
    adversary(SIZES)
    rows = [
        [row["way"].capitalize(), spread(row["named"]), spread(row["alone"]), f"{row['cost'] - 1:+.1%}"]
        for row in found["rows"]
    ]
    header = ("What is stored", "Named right", "Alone in its size", "Bytes")
    show_table(markdown_table(header, rows), key="sizes", made_by="attacks")
    st.caption(f"{found['protocol']}.")


def _decoys(found: dict) -> None:
    st.markdown("**Which pictures are fetched after a private search**")
    adversary(FETCHES)
    rows = [
        [row["drawn"].capitalize(), str(row["decoys"]), spread(row["found"]), f"{row['chance']:.0%}"]
        for row in found["rows"]
    ]
    header = ("Decoys drawn", "For each picture", "Wanted ones picked out", "Chance")
    show_table(markdown_table(header, rows), key="decoys", made_by="attacks")
    st.caption(f"{found['protocol']}.")
