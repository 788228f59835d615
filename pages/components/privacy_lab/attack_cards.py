"""How every attack is shown: who attacks, three pictures, what it took, and what many such attacks gave."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from engine.attacks import Adversary, Outcome, judge
from engine.datasets import Dataset
from engine.imaging import to_uint8
from engine.studies.attacks.subjects import square
from pages.components.kit.metrics import Figure, figure_row
from pages.components.kit.results import missing
from pages.components.kit.show import cipher_file, derived, picture
from pages.components.visit import gallery
from pages.components.visit.picture import Picture

SIDE = 256
WIDTH = 300
COMMAND = "python -m engine attack all --save"
OPENED, PARTLY = 0.9, 0.3


def victim(chosen: Picture) -> np.ndarray:
    """Return the middle square of a picture as the attacks take it: ``(256, 256)`` uint8."""
    return square(to_uint8(chosen.image), SIDE)


@st.cache_data(show_spinner=False)
def public_pictures(split: str, count: int, side: int = SIDE) -> np.ndarray:
    """Return one simulated picture of each of the first patients of a split: ``(count, side, side)`` uint8."""
    from engine.studies.attacks.subjects import patients

    return patients(built_in(), split, side, count)


def built_in() -> Dataset:
    """Return the simulated gallery, which is always here."""
    return gallery.gallery(gallery.SIMULATED)


def adversary(one: Adversary) -> None:
    """Say what the attacker holds and asks."""
    st.markdown(f":material/person_search: **Attacker knows:** {one.knows} **Asks:** {one.asks}")


def run(attack: Callable[..., np.ndarray], *given: Any, truth: np.ndarray, queries: int) -> Outcome:
    """Run an attack with a note that it runs."""
    with st.spinner("Attacking"):
        return judge(attack, *given, truth=truth, queries=queries)


def run_once(what: str, sealed: np.ndarray, dials: tuple, make: Callable[[], Outcome]) -> Outcome:
    """Return the outcome of an attack on this very sealed picture; run it if this visit has not seen it yet.

    Args:
        what: Name of the attack.
        sealed: What is attacked; another key makes another.
        dials: Everything else that the attack depends on.
        make: Runs it.
    """
    token = hashlib.blake2b(sealed.tobytes(), digest_size=16).hexdigest()
    with st.spinner("Attacking"):
        return derived(token, what, dials, make)


def pictures_row(items: Sequence[tuple[str, np.ndarray]]) -> None:
    """Show pictures side by side, each with its caption, which says what it is in full."""
    with st.grid(len(items), min_column_width=150, gap="small"):
        for caption, image in items:
            with st.container(gap="xxsmall"):
                picture(cipher_file(image, WIDTH), alt=caption)
                st.caption(caption)


def cost(outcome: Outcome, taken: str, more: str = "") -> None:
    """Show score and cost of an attack.

    Args:
        outcome: Of the attack.
        taken: What the queries are: "known pictures".
        more: To be said of it.
    """
    st.markdown(f"{verdict_of(outcome)[1]} {more}")
    figure_row(
        [
            Figure(
                "Similarity",
                f"{outcome.score:.3f}",
                how="SSIM of the recovered picture to the truth, which only the judge sees: 0 nothing, 1 the picture.",
            ),
            Figure("Exact pixels", f"{outcome.exact:.1%}"),
            Figure(taken.capitalize(), f"{outcome.queries}"),
            Figure("Time", f"{outcome.seconds:.2f} s", how="Just now, on this server."),
        ],
        min_width=110,
    )


def verdict_of(outcome: Outcome) -> tuple[str, str]:
    """Say in a word and in a sentence whether an attack on a picture succeeded."""
    if outcome.score > OPENED:
        return "falls", ":material/lock_open: **The attacker has the picture.**"
    if outcome.score > PARTLY:
        return "falls in part", ":material/lock_open_right: **The attacker has a part of the picture.**"
    return "holds", ":material/lock: **The attacker has nothing of the picture.**"


def attacks_missing() -> None:
    """Say how to measure the attacks."""
    missing("attacks", COMMAND)


def spread(values: Sequence[float]) -> str:
    """Write mean and 95 % interval.

    >>> spread([0.5, 0.4, 0.6])
    '0.500 (0.400 to 0.600)'
    """
    mean, low, high = values
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
