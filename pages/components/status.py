"""The footer: which gallery, model, device and version a visitor is looking at."""

import os
import sys
import tomllib
from pathlib import Path

import streamlit as st

from pages.components import gallery

ROOT = Path(__file__).parents[2]


def footer() -> None:
    """Draw the footer."""
    name = gallery.gallery_name()
    count = len(gallery.gallery(name).records)
    facts = (
        f":material/photo_library: {gallery.TITLES[name]} gallery, {count:,} pictures",
        f":material/memory: {device()}",
        f":material/deployed_code: CXR Vault {version()}",
    )
    with st.container(horizontal=True, gap="medium", key="footer"):
        for fact in facts:
            st.caption(fact, width="content")


def device() -> str:
    """Say what computes, without importing torch for it."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"CPU, {os.cpu_count()} cores"


@st.cache_resource(show_spinner=False)
def version() -> str:
    """Return the version of this program."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
