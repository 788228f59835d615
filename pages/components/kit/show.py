"""From arrays to files a browser shows: JPEG for X-rays, PNG for noise, which JPEG would falsify."""

import base64
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from engine.imaging import encode_jpeg, encode_png, resize, to_uint8

XRAY_SIDE = 768
CIPHER_SIDE = 512


def xray_file(image: np.ndarray) -> bytes:
    """Return a JPEG of an X-ray, its shorter side at most ``XRAY_SIDE``."""
    return encode_jpeg(resize(to_uint8(image), min(XRAY_SIDE, *image.shape[:2])), quality=88)


def letterbox(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return a picture on a black ``(side, side)`` square, so that pictures of any shape line up.

    Args:
        pixels: ``(H, W)`` uint8.
        side: Pixels.
    """
    pixels = resize(pixels, max(1, round(side * min(pixels.shape) / max(pixels.shape))))[:side, :side]
    top, left = ((side - length) // 2 for length in pixels.shape)
    square = np.zeros((side, side), np.uint8)
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square


def cipher_file(image: np.ndarray, side: int = CIPHER_SIDE) -> bytes:
    """Return a PNG of a cipher picture.

    A large one is thinned to every n-th pixel: averaging would turn noise into an even gray that it is not.
    """
    step = -(-max(image.shape[:2]) // side)
    return encode_png(np.ascontiguousarray(to_uint8(image)[::step, ::step]))


def data_url(file: bytes) -> str:
    """Return a JPEG or PNG file as a ``data:`` address."""
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"


def picture(file: bytes, *, alt: str, width: int | None = None) -> None:
    """Show a picture inside the page: ``st.image`` would keep a copy on the server after its visitor has left.

    Args:
        file: JPEG or PNG.
        alt: The picture in words.
        width: At most this many pixels; None fills the space.
    """
    style = "display:block;width:100%;border-radius:8px"
    st.html(f'<img src="{data_url(file)}" alt="{escape(alt)}" style="{style}">', width=width or "stretch")


@st.cache_data(scope="session", max_entries=24, show_spinner=False)
def derived(token: str, what: str, dials: tuple, _make: Callable[[], Any]) -> Any:
    """Return what ``_make`` makes of the picture ``token``, from this visitor's own cache if it is there.

    Args:
        token: Of the picture (``Picture.token``).
        what: Name of the thing made.
        dials: Everything else it depends on.
        _make: Makes it; a thing for a screen, not one of the picture's full size.
    """
    return _make()


@st.cache_data(scope="session", max_entries=1, show_spinner=False)
def derived_at_full_size(token: str, what: str, dials: tuple, _make: Callable[[], Any]) -> Any:
    """Return as :func:`derived` one thing as large as the picture; the next one takes its place."""
    return _make()
