"""The steps of a process as a row of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.kit.show import picture


@dataclass(frozen=True)
class Step:
    """One step of a process.

    Attributes:
        title: Two words.
        sentence: What happened, in plain words.
        picture: JPEG or PNG file.
        alt: The picture in words.
    """

    title: str
    sentence: str
    picture: bytes
    alt: str


def stage_strip(steps: Sequence[Step], *, min_width: int = 130) -> None:
    """Show the steps of a process in order; they wrap where the screen is narrow."""
    with st.grid(len(steps), min_column_width=min_width, gap="small") as grid:
        for number, step in enumerate(steps, 1):
            with grid.cell(), st.container(gap="xxsmall"):
                picture(step.picture, alt=step.alt)
                st.markdown(f"**{number}. {step.title}**")
                st.caption(step.sentence)
