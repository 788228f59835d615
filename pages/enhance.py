"""Enhance: what contrast-limited adaptive histogram equalisation does to a chest X-ray."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.hashing.hasher import shipped_input_spec
from engine.hashing.preprocess import network_input
from engine.imaging import enhance, local_contrast, to_uint8
from pages.components import frame
from pages.components.kit import show
from pages.components.kit.charts import histograms
from pages.components.kit.compare import before_after
from pages.components.kit.metrics import Figure, figure_row
from pages.components.visit.picture import Picture, current_picture, picture_picker
from pages.components.visit.uploads import one_at_a_time

frame.ensure_frame()
frame.heading(
    "What does enhancement bring out?",
    "Drag the line. Faint structures gain contrast where they are, and noise is held back by a limit. "
    "The search sees every picture this way (paper A, Eq. 1-2).",
)


@st.fragment
def dials_and_preview(picture: Picture) -> None:
    """Draw the slider, the dials beside it and the histograms below; a dial redraws only these."""
    view, controls = st.columns([3, 2], gap="medium")
    with controls:
        picture_picker()
        clip, tiles = _dials()
    with one_at_a_time(picture.image):
        _preview(picture, clip, tiles, view)


def _preview(picture: Picture, clip: float, tiles: int, view: DeltaGenerator) -> None:
    """Draw a picture before and after, the numbers that change, the histograms and what the search looks at."""
    before, after = picture.image, enhance(picture.image, clip_limit=clip, tiles=tiles)
    with view:
        before_after(
            show.derived(picture.token, "xray", (), lambda: show.xray_file(before)),
            show.derived(picture.token, "enhanced", (clip, tiles), lambda: show.xray_file(after)),
            labels=("As taken", "Enhanced"),
            alts=(f"{picture.title}, as taken", f"{picture.title}, enhanced with clip limit {clip:g}"),
            size=(before.shape[1], before.shape[0]),
            key="enhance_compare",
        )
        st.caption(picture.note)
        before, after = to_uint8(before), to_uint8(after)
        figure_row(_figures(before, after))
    levels, network = st.columns([3, 2], gap="medium")
    with levels:
        st.header("Gray levels before and after", anchor=False)
        histograms({"As taken": before, "Enhanced": after}, key="enhance_histograms")
    with network:
        st.header("What the search looks at", anchor=False)
        _network_view(picture)


def _figures(before: np.ndarray, after: np.ndarray) -> list[Figure]:
    """What enhancing changed, in numbers; pictures ``(H, W)`` uint8."""
    contrast = "Deviation of the gray levels inside a small square (32 along the shorter side), mean of all squares."
    brightness = "Mean of the gray levels: 0 black, 255 white."
    return [
        Figure("Local contrast", f"{local_contrast(after):.1f}", f"before {local_contrast(before):.1f}", contrast),
        Figure("Brightness", f"{after.mean():.1f}", f"before {before.mean():.1f}", brightness),
    ]


def _network_view(picture: Picture) -> None:
    """Show what goes into the hashing network, whatever the dials say."""
    seen = network_input(picture.image, **shipped_input_spec())
    low, high = seen.min(), seen.max()
    pixels = ((seen - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
    show.picture(
        show.xray_file(pixels), width=260, alt=f"{picture.title}: the lungs and a margin, cut out and enhanced"
    )
    st.caption(
        f"The lungs and a margin around them, brought to {seen.shape[1]} x {seen.shape[0]} values; beyond its edge the "
        "picture is mirrored."
    )


def _dials() -> tuple[float, int]:
    with st.container(border=True):
        clip = st.slider(
            "Clip limit",
            0.5,
            10.0,
            2.0,
            0.5,
            key="clip",
            bind="query-params",
            help="How much a region's contrast may grow. The search uses 2.",
        )
        tiles = st.slider(
            "Tiles per side",
            2,
            16,
            8,
            key="tiles",
            bind="query-params",
            help="Into how many regions the picture is cut; each gets its own curve. The search uses 8.",
        )
    # Browsers send what they like.
    return min(max(clip, 0.5), 10.0), min(max(tiles, 2), 16)


dials_and_preview(current_picture())
