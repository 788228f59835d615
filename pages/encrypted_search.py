"""Encrypted search: a network that searches pictures it cannot see, and what that says about the encryption."""

import numpy as np
import streamlit as st

from engine.errors import VaultError
from pages.components import frame
from pages.components.encrypted_search import cells, live, paper_figures, readers
from pages.components.encrypted_search.cells import Cell
from pages.components.encrypted_search.live import Tile
from pages.components.kit.dials import one_of
from pages.components.kit.metrics import Figure, figure_row
from pages.components.kit.results import missing, result
from pages.components.kit.show import derived
from pages.components.kit.take import show_table
from pages.components.kit.words import label_title
from pages.components.visit.keys import visit_key
from pages.components.visit.picture import Picture, current_picture, picture_picker

CHEST = "chest"

frame.ensure_frame()
frame.heading(
    "Can a server search pictures it cannot see?",
    "Paper B lets the server run VGG-16 or a vision transformer on encrypted pictures. It works because something is "
    "left: under one key everything that a neighbour needs, under fresh keys what no key changes. Turn the dials.",
)


def steps(image: np.ndarray, pixels: np.ndarray, cell: Cell) -> None:
    """Show the picture, what the server gets, and what its network reads of that."""
    shown = [("Your side", image, "the picture, 64 x 64 pixels")]
    if cell.setting.block_size and cell.way != "ours":
        shown.append(("The server gets", pixels, "the encrypted picture, and it reads these very pixels"))
    elif cell.setting.block_size:
        read = cell.setting.canonical(pixels[None])[0]
        shown += [
            ("The server gets", pixels, "the encrypted picture"),
            ("Its network reads", read, "what no key changes: how much the values of each block differ, sorted"),
        ]
    live.tiles([Tile(live.enlarged(p), title, f"{alt}.", alt) for title, p, alt in shown], width="max(100px, 30%)")


def answers(cell: Cell, pixels: np.ndarray, picture: Picture, truth: str | None) -> None:
    """Show the class that the network says, and the nearest training pictures.

    Args:
        cell: Network, setting and quantization.
        pixels: ``(64, 64, 3)`` uint8, encrypted.
        picture: The picture at hand.
        truth: Its class among those that the networks know; None where nobody knows it.
    """
    dials = (cell.method, cell.setting.name, cell.mode, pixels.tobytes())
    found = derived(picture.token, "encrypted answer", dials, lambda: live.answer(cell, pixels))
    names = [label_title(name) for name in found.classes]
    best = int(found.probabilities.argmax())
    agree = sum(label_title(label) == names[best] for label in found.labels)
    wrong = truth is not None and names[best] != label_title(truth)
    figure_row(
        [
            Figure(
                "The server concludes",
                names[best],
                f"{found.probabilities[best]:.0%} sure" + (", and wrong" if wrong else ""),
            ),
            Figure("Of its ten nearest", f"{agree} say so too", "by distance of features"),
        ],
        min_width=150,
    )
    live.tiles(live.result_tiles(found), width="max(76px, 17%)")
    st.caption(
        "The nearest of 300 training pictures that come with the project (MedNIST, B. J. Erickson, CC BY-SA 4.0)."
    )


def warn_of_strangers(cell: Cell) -> None:
    """Say that the picture at hand is not of the kind that the networks learned, and how often they err then."""
    row = unfamiliar(cell)
    rate = ""
    if row:
        right, low, high = row["accuracy"]
        rate = (
            f" Of {sum(row['answers'].values())} such X-rays this network, under this encryption, calls {right:.0%} a "
            f"chest (95 % interval {low:.0%} to {high:.0%})."
        )
    st.warning(
        "The networks learned bone, brain and chest from one collection of small pictures; this X-ray is not of it, so "
        f"how sure they are means little.{rate}",
        icon=":material/help:",
    )


def unfamiliar(cell: Cell) -> dict | None:
    """Return what was measured of a network on chest X-rays from elsewhere, or None."""
    report = result("unfamiliar")
    # By what no key changes: shared and fresh keys give the same answers.
    setting = cell.setting.name.replace("shared", "fresh")
    rows = report["cells"] if report else []
    return next((row for row in rows if (row["method"], row["setting"]) == (cell.method, setting)), None)


def choose_question(picture: Picture) -> tuple[np.ndarray, str | None]:
    """Draw the choice of what is asked with; return ``(64, 64)`` uint8 pixels and their class if it is known."""
    asked = one_of(
        "Ask with", {"mine": "The picture chosen", "bone": "A hand", "brain": "A head", "chest": "A chest"}, "es_ask",
        width="stretch", help="Hand, head and chest are test pictures of the collection they learned from.",
    )  # fmt: skip
    if asked != "mine":
        return live.sample(asked), asked
    # The galleries hold chest X-rays only; what a visitor brought may be anything.
    return live.small(picture.image), CHEST if picture.position is not None else None


@st.fragment
def searching(picture: Picture) -> None:
    """Draw everything that a dial changes."""
    view, controls = st.columns([3, 2], gap="medium")
    with controls:
        image, truth = choose_question(picture)
        cell, masks = cells.dials()
        picture_picker()
    pixels = live.encrypted(image, cell.setting, masks, visit_key(live.KEY))
    found = cells.figures_of(cell)
    with view:
        steps(image, pixels, cell)
        if found is None:
            ours = cell.way == "ours"
            name, words = ("encrypted_search", "") if ours else ("encrypted_pixels", f" --as {cell.way}")
            missing(name, cells.COMMAND + words)
            return
        if cell.way == "ours":
            if st.session_state.get("es_ask", "mine") == "mine":
                warn_of_strangers(cell)
                st.caption(picture.note)
            try:
                answers(cell, pixels, picture, truth)
            except VaultError as error:
                st.warning(str(error), icon=":material/hourglass_empty:")
        else:
            st.caption(f"{picture.note} This reader was measured on the test pictures; it does not answer live.")
    st.header("How often is it right?", anchor=False)
    st.markdown(readers.verdict(cell, found))
    measured(cell, found)
    st.header("Who can read it?", anchor=False)
    show_table(readers.readers_table(), key="readers", made_by="encrypted_search")
    st.caption(readers.how())
    st.markdown(readers.likeness_words(cell))
    st.header("Every setting at a glance", anchor=False)
    cells.draw_map(cell)
    st.caption(
        f"Share of {found['count']} test pictures with the right class, in percent. Click a square: the dials take it "
        "over."
    )
    paper_figures.section(cell, masks)
    if cell.setting.block_size and cell.way == "ours":
        flow(cell, picture, masks)


def measured(cell: Cell, found: dict) -> None:
    """Show the measured figures of a cell, by class and as a confusion matrix."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        cells.headline(cell, found)
        show_table(cells.class_table(cell, found), key="classes", made_by=cell.result)
    with right:
        cells.confusion_of(found, cell.result)


def flow(cell: Cell, picture: Picture, masks: int) -> None:
    """Show paper B's Fig. 2, done with the visitor's picture."""
    st.header("Who holds what (paper B, Fig. 2)", anchor=False)
    # On request: a network reads seven pictures for it, and a dial should answer at once.
    if not st.toggle("Let owner, server and user do it with this picture", key="es_walk", bind="query-params"):
        return
    done = live.walked(cell, picture, masks)
    owner, server, user = st.columns(3, gap="medium")
    with owner, st.container(border=True, height="stretch"):
        st.markdown(f"**Owner.** Encrypted {len(done.stored)} pictures and keeps the key.")
        st.markdown(f"Released the keys of {len(done.hits)} pictures: `{'`, `'.join(i[:8] for i, _ in done.hits)}`.")
        st.markdown(f"Trying the first key on another picture: {done.refused}")
    with server, st.container(border=True, height="stretch"):
        held = sum(pixels.nbytes for _, pixels in done.stored)
        st.markdown(f"**Server.** Holds {held:,} bytes of encrypted pictures, no key.")
        _row([pixels for _, pixels in done.stored], "encrypted picture on the server")
        nearest = ", ".join(f"`{name[:8]}` at {distance:.2f}" for name, distance in done.hits)
        st.markdown(f"Nearest to the query: {nearest}.")
    with user, st.container(border=True, height="stretch"):
        st.markdown("**User.** Sent this, encrypted under a key of its own:")
        _row([done.query], "the encrypted query")
        st.markdown("Opened with the released keys, exactly as the owner had them:")
        _row(done.opened, "opened result")


def _row(pictures: list[np.ndarray], alt: str) -> None:
    live.tiles([Tile(live.enlarged(pixels), alt=alt) for pixels in pictures], width="64px")


searching(current_picture())
report = result("encrypted_search")
if report:
    protocol = report["protocol"]
    st.caption(
        f"Measured here with `{cells.COMMAND}`: {protocol['query_count']} test pictures, {protocol['gallery_count']:,} "
        f"training pictures. {protocol['caveat']} Paper: Tables VI to VIII; its brain pictures are MRI, ours head CT; "
        "where it gives one accuracy for each class against the rest, the three-class accuracy that its recalls imply "
        "stands beside ours. The encryption is paper B's Algorithm 1: a scrambler with a key, not encryption "
        "in the modern sense."
    )
