"""The footer: which gallery, model, device and version a visitor is looking at."""

import json
import os
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

import streamlit as st

from engine.hashing.methods import METHODS
from engine.version import __version__
from pages.components.kit.copying import CITATION, Copy, copy_buttons
from pages.components.kit.results import ROOT
from pages.components.visit import collection, gallery

DRIVER = Path("/proc/driver/nvidia/gpus")
# What every page calls paper A and paper B, as the README cites them.
PAPERS = (
    "Paper A: S. Zhang, Q. Zhang, J. Tang, R. Xu, *Secure Medical Image Retrieval Based on Multi-Attention Mechanism "
    "and Triplet Deep Hashing* (MATDH), 2025, [doi:10.32604/cmc.2024.057269](https://doi.org/10.32604/cmc.2024.057269)."
    " Paper B: M. Jafar Sadik, N. A. Samsudin, E. F. Bin Ahmad, *Balancing Privacy and Performance: Exploring "
    "Encryption and Quantization in Content-Based Image Retrieval Systems*, 2024."
)


def footer() -> None:
    """Draw the footer."""
    name = gallery.gallery_name()
    count = len(gallery.gallery(name).records)
    own = collection.current_collection()
    facts = (
        f":material/photo_library: {gallery.TITLES[name]} gallery, {count:,} pictures",
        *([f":material/lock_person: Your collection, {own.counted}"] if own else []),
        f":material/neurology: {model()}",
        f":material/memory: {device()}",
        f":material/deployed_code: CXR Vault {version()}",
    )
    with st.container(gap="xsmall", key="footer"):
        with st.container(horizontal=True, gap="small"):
            for fact in facts:
                st.caption(fact, width="content")
        st.caption(PAPERS)
        copy_buttons([Copy("Copy link"), Copy("Cite (BibTeX)", CITATION)], key="copy_footer")


def device() -> str:
    """Say what computes: the GPU that the networks use, or the CPU; without importing torch for it."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        gpu = str(torch.cuda.get_device_name()) if torch.cuda.is_available() else ""
    else:
        gpu = _expected_gpu()
    return gpu or f"CPU, {os.cpu_count()} cores"


@st.cache_resource(show_spinner=False)
def _expected_gpu() -> str:
    """Return the name of the GPU that torch will use once it is imported, or nothing."""
    try:
        built_for_cpu = installed("torch").endswith("+cpu")
    except PackageNotFoundError:
        return ""
    return "" if built_for_cpu else gpu_of_driver(DRIVER)


def gpu_of_driver(folder: Path) -> str:
    """Return the name of the first GPU that NVIDIA's driver lists, or nothing.

    Args:
        folder: Where the driver lists them, one folder each with a file of ``Name: value`` lines.
    """
    for file in sorted(folder.glob("*/information")):
        for line in file.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Model":
                return value.strip()
    return ""


def model() -> str:
    """Name the hashing network that the visitor's searches use, and its weights."""
    method = st.session_state.get("method")
    method = method if method in METHODS else "matdh"
    return f"{METHODS[method].title}, weights {weights(method)}"


@st.cache_resource(show_spinner=False)
def weights(method: str) -> str:
    """Return the first digits of the hash of a method's weights."""
    card = ROOT / "models" / "weights" / f"{method}.json"
    return str(json.loads(card.read_text())["file_sha256"])[:8] if card.exists() else "missing"


def version() -> str:
    """Return the version of this program."""
    return __version__
