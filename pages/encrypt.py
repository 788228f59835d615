"""Encrypt: what leaves this machine under each scheme, and who can open it."""

from dataclasses import astuple

import numpy as np
import streamlit as st

from engine.imaging import resize, to_uint8
from pages.components import frame
from pages.components.encrypt import cipher_papers, cipher_views
from pages.components.kit import schemes
from pages.components.kit.compare import before_after
from pages.components.kit.dials import one_of
from pages.components.kit.schemes import SCHEMES, Sealed, SealSetting
from pages.components.kit.show import cipher_file, derived, derived_at_full_size, xray_file
from pages.components.visit.keys import visit_key
from pages.components.visit.picture import Picture, current_picture, picture_picker
from pages.components.visit.uploads import one_at_a_time

# Scramblers index every value with 8 bytes; beyond this a phone photo would cost half a gigabyte.
WORK_SIDE = 1024
KEY = "encrypt"
VIEWS = {
    "Step by step": cipher_views.step_by_step,
    "Does it look like noise?": cipher_views.noise_tests,
    "Open it again": cipher_views.open_again,
    "How fast is it?": cipher_views.speed,
    "Take it with you": cipher_views.take_along,
}

frame.ensure_frame()
frame.heading(
    "What does the server get to see?",
    "Left of the line is your picture; right of it, all that leaves this machine. "
    "Choose a scheme, then try to open it.",
)


def choose_dials() -> SealSetting:
    """Draw the scheme and its settings."""
    with st.container(border=True, gap="small"):
        scheme = st.selectbox(
            "Scheme",
            list(SCHEMES),
            format_func=lambda name: SCHEMES[name].title,
            key="scheme",
            bind="query-params",
        )
        st.caption(SCHEMES[scheme].promise)
        if scheme != "multistage":
            return SealSetting(scheme)
        return SealSetting(
            scheme,
            st.slider("Block size (pixels)", 1, 64, 8, key="block", bind="query-params"),
            st.slider("Substitution range (largest mask)", 0, 255, 255, key="substitution", bind="query-params"),
            one_of(
                "Key policy",
                ["shared", "fresh"],
                "policy",
                help="Shared: one key for all pictures, searchable and weak. Fresh: a key for each picture.",
            ),
        )


def working_copy(picture: Picture, scheme: str) -> np.ndarray:
    """Return what the scheme works on: the exact picture, or for a scrambler a limited 8-bit copy."""
    if SCHEMES[scheme].container:
        return picture.image
    return resize(to_uint8(picture.image), min(WORK_SIDE, *picture.image.shape[:2]))


def seal(dials: SealSetting, image: np.ndarray) -> tuple[Sealed, bytes]:
    """Seal a picture; return what came of it, and a PNG of what that looks like."""
    sealed = schemes.seal(dials, visit_key(KEY), image)
    return sealed, cipher_file(sealed.look)


@st.fragment
def sealing(picture: Picture) -> None:
    """Draw everything a dial changes."""
    view, controls = st.columns([3, 2], gap="medium")
    with controls:
        picture_picker()
        dials = choose_dials()
    image = working_copy(picture, dials.scheme)
    with one_at_a_time(image):
        sealed, look_file = derived_at_full_size(picture.token, "sealed", astuple(dials), lambda: seal(dials, image))
    with view:
        before_after(
            derived(picture.token, "xray", (), lambda: xray_file(picture.image)),
            look_file,
            labels=("Your side", "The server's side"),
            alts=(f"{picture.title}, as it is", f"{picture.title}, sealed: {SCHEMES[dials.scheme].title}"),
            size=(image.shape[1], image.shape[0]),
            key="encrypt_compare",
        )
        st.caption(
            f"{image.nbytes:,} bytes of pixels became {sealed.size:,} in {sealed.seconds * 1000:.1f} ms. {picture.note}"
        )
    chosen = one_of("Look closer", list(VIEWS), "closer", default="Step by step")
    VIEWS[chosen](cipher_views.Case(picture, image, dials, visit_key(KEY), sealed))


sealing(current_picture())
cipher_papers.papers_section()
