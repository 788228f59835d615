"""A visitor's own picture: decoded in memory, seen by this visitor alone, gone when the visit ends."""

import hashlib
from dataclasses import dataclass

import numpy as np
import streamlit as st

from engine.imaging import load_image

RETENTION = (
    "Your picture stays in this server's memory for this visit only and is never written to disk. "
    "It goes when you clear it or close the tab."
)


@dataclass(frozen=True)
class Upload:
    """A decoded upload.

    Attributes:
        digest: Of the file, to tell pictures apart.
        image: ``(H, W)`` uint8 or uint16.
    """

    digest: str
    image: np.ndarray


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def _shelf() -> list[Upload]:
    """The one picture this visitor brought. Session-scoped, so it is freed at once on disconnect."""
    return []


def current_upload() -> Upload | None:
    """Return this visitor's picture, if there is one."""
    shelf = _shelf()
    return shelf[0] if shelf else None


def keep_upload(data: bytes) -> Upload:
    """Decode a file and keep it in place of the last one.

    Args:
        data: The whole file.

    Raises:
        engine.imaging.ImageError: The file is no picture; the last one stays.
    """
    upload = Upload(hashlib.sha256(data).hexdigest()[:16], load_image(data))
    _shelf()[:] = [upload]
    return upload


def forget_upload() -> None:
    """Drop this visitor's picture."""
    _shelf().clear()
