"""The schemes that paper A compares itself with, attacked with known and chosen pictures."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from engine.attacks import Outcome, judge
from engine.attacks import comparators as attacks
from engine.encryption.comparators import COMPARATORS, Comparator
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import result
from pages.components.kit.take import show_table
from pages.components.privacy_lab.attack_cards import (
    adversary,
    attacks_missing,
    cost,
    pictures_row,
    public_pictures,
    run_once,
    spread,
)
from pages.components.visit.keys import fresh_key

KNOWN_LEAST, KNOWN_MOST = 2, 8
CHOSEN, KNOWN = "Chosen pictures", "Known pictures"


def compared(truth: np.ndarray) -> None:
    """Open a picture that a compared scheme encrypted, from others, and show what many such attacks gave."""
    left, middle, right = st.columns(3, gap="medium")
    name = one_of("Scheme", {name: cipher.title for name, cipher in COMPARATORS.items()}, "compared", at=left)
    way = one_of("What the attacker has", [CHOSEN, KNOWN], "compared_way", at=middle)
    count = right.slider(
        "Known pictures", KNOWN_LEAST, KNOWN_MOST, 4, key="compared_known", bind="query-params", disabled=way != KNOWN
    )
    cipher = COMPARATORS[name](fresh_key("compared"))
    sealed = cipher.encrypt(truth).picture
    adversary(attacks.CHOSEN if way == CHOSEN else attacks.KNOWN)
    attack = partial(_open_by_chosen, cipher) if way == CHOSEN else partial(_open_by_known, cipher, count)
    found = run_once(way, sealed, (name, count), lambda: attack(sealed, truth))
    pictures_row([("The picture", truth), ("What the server has", sealed), ("What the attacker gets", found.picture)])
    cost(found, "pictures needed")
    _stored()
    with st.expander(f"{cipher.title}: where this departs from the paper", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {departure}" for departure in cipher.departures))
        st.caption(f"{cipher.paper}. A toy for comparison; never seal with it.")


def _open_by_chosen(cipher: Comparator, sealed: np.ndarray, truth: np.ndarray) -> Outcome:
    planted = attacks.planted(*truth.shape)
    answers = _encrypted(cipher, planted)
    return judge(lambda: attacks.open_with(attacks.read_planted(answers), sealed), truth=truth, queries=len(planted))


def _open_by_known(cipher: Comparator, count: int, sealed: np.ndarray, truth: np.ndarray) -> Outcome:
    known = public_pictures("train", count)
    seen = _encrypted(cipher, known)
    return judge(lambda: attacks.open_with(attacks.match_pixels(known, seen), sealed), truth=truth, queries=count)


def _encrypted(cipher: Comparator, pictures: np.ndarray) -> np.ndarray:
    return np.stack([cipher.encrypt(picture).picture for picture in pictures])


def _stored() -> None:
    """Show the stored study: every scheme, chosen and known pictures, and whether a repeated picture shows."""
    found = (result("attacks") or {}).get("comparators")
    if found is None:
        attacks_missing()
        return
    show_table(study_table(found["schemes"]), key="compared_schemes", made_by="attacks")
    st.caption(
        f"Share of exact pixels, mean and 95 % interval. {found['protocol']}. Castro and Inam do the same to every "
        "picture; what chaos drew it does not matter. Abdelfatah's stream depends on the picture, so pictures tell "
        "nothing of each other, and each needs a key of its own handed over with it."
    )


def study_table(schemes: dict[str, Any]) -> str:
    """Write the stored study as a Markdown table."""
    first = next(iter(schemes.values()))
    needed = [f"{first['chosen']['pictures']} chosen", *(f"{row['pictures']} known" for row in first["known"])]
    rows = [
        [
            COMPARATORS[name].title,
            *(spread(row["exact"]) for row in (found["chosen"], *found["known"])),
            f"{found['repeated'][0]:.0%}",
        ]
        for name, found in schemes.items()
    ]
    return markdown_table(["Scheme", *needed, "Same picture recognised"], rows)
