"""Measured figures and the papers' own, as the result files hold them. Pages show no other stored number."""

import json
from typing import Any

import streamlit as st

from pages.components.status import ROOT

FOLDER = ROOT / "models" / "results"


@st.cache_data(show_spinner=False)
def _read(path: str, modified: float) -> dict[str, Any]:
    return json.loads((FOLDER / path).read_text())


def result(name: str) -> dict[str, Any] | None:
    """Return ``models/results/<name>.json``, or None where nobody has measured it yet."""
    path = FOLDER / f"{name}.json"
    return _read(path.name, path.stat().st_mtime) if path.exists() else None


def missing(name: str, command: str) -> None:
    """Say that a figure has not been measured, and how to measure it."""
    st.info(
        f"Not measured yet: `models/results/{name}.json` is missing. Make it with `{command}`.",
        icon=":material/hourglass_empty:",
    )
