"""Who sees what: one search by owner, server and user, step by step, with the bytes that each of them holds."""

import streamlit as st

from engine.retrieval.custody import PARTIES, STEPS, Step
from pages.components import frame
from pages.components.kit.show import derived
from pages.components.three_parties.parties import PER_CLASS, RESULTS, learned_box, party_column, walk
from pages.components.three_parties.sockets import socket_box
from pages.components.visit.picture import current_picture, picture_picker

STORY: dict[Step, tuple[str, str]] = {
    "seal": (
        "Seal",
        "The owner enhances each picture for the network, encodes it in 48 bits, masks the code and seals the picture.",
    ),
    "store": ("Store", "The owner sends sealed pictures, masked codes and sealed notes. The server stores them."),
    "ask": (
        "Ask",
        "The user encodes a picture of its own with the owner's network, masks the code and sends that alone.",
    ),
    "answer": (
        "Answer",
        "The server ranks by Hamming distance and names the nearest rows, with all that are just as near.",
    ),
    "order": (
        "Order",
        "A class shares a code, so many rows are equally near. The owner lends the user 64 bytes of each, by which the "
        "user puts them in order and fetches the first, still sealed.",
    ),
    "grant": ("Grant", "The owner looks up what was found, writes it down, and grants one key for each picture."),
    "open": ("Open", "The user checks the server's answer against the owner's, and opens the pictures."),
}

frame.ensure_frame()
frame.heading(
    "Who sees what?",
    "One search, step by step, done just now by the real owner, server and user under a key made for it. "
    "Each column lists the bytes that party holds.",
)


def title(step: Step) -> str:
    """Return the name of a step with its number."""
    return f"{STEPS.index(step) + 1} {STORY[step][0]}"


def go(by: int) -> None:
    """Move the dial."""
    position = STEPS.index(st.session_state.get("step", STEPS[0])) + by
    st.session_state["step"] = STEPS[min(max(position, 0), len(STEPS) - 1)]


def step_dial() -> Step:
    """Draw the dial and the buttons beside it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        step = st.segmented_control(
            "Step",
            list(STEPS),
            default=STEPS[0],
            required=True,
            format_func=title,
            key="step",
            bind="query-params",
            label_visibility="collapsed",
            width="content",
        )
        step = step if step in STEPS else STEPS[0]
        st.button("Back", icon=":material/arrow_back:", on_click=go, args=(-1,), disabled=step == STEPS[0])
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            on_click=go,
            args=(1,),
            disabled=step == STEPS[-1],
        )
    return step


@st.fragment
def steps() -> None:
    """Draw everything the dial changes."""
    step = step_dial()
    st.markdown(f"**{title(step)}.** {STORY[step][1]}")
    with st.grid(len(PARTIES), min_column_width=290, gap="small"):
        for party in PARTIES:
            party_column(shown, party, step)
    learned_box(shown, step)


picture = current_picture()
shown = derived(picture.token, "parties", (picture.gallery,), lambda: walk(picture))
steps()
st.caption(
    f"The owner's gallery here: {shown.count} pictures, {PER_CLASS} of each class, sealed for this visit and "
    f"forgotten; the user asks for {RESULTS}. Where a party holds several things of one kind, the first is shown; of a "
    "key, only two bytes. The sealed file holds the picture as it was taken; the enhanced one is only for the network."
)
socket_box(picture)
with st.popover("Ask with another picture", icon=":material/image:"):
    picture_picker()
