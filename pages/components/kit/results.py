"""Measured figures and the papers' own, as the result files hold them. Pages show no other stored number."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from engine.artifacts import ArtifactError

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "results"
# What makes each result again.
COMMANDS = {
    "ablations": "python -m engine ablations",
    "attacks": "python -m engine attack all --save",
    "baselines": "python -m engine baselines",
    "ciphers": "python -m engine ciphers --save",
    "costs": "python -m engine gallery costs",
    "defences": "python -m engine attack defences --save",
    "dial": "python -m engine dial --save",
    "encrypted_pixels": "python -m engine encrypted-search --as paper",
    "encrypted_search": "python -m engine encrypted-search",
    "frames": "python -m engine frames",
    "likeness": "python -m engine likeness",
    "map": "python -m engine attack map --save",
    "matdh": "python -m engine evaluate --method matdh --save",
    "matdh-unseen": "python -m engine evaluate --method matdh --protocol unseen --save",
    "novelty": "python -m engine novelty",
    "ordering": "python -m engine ordering",
    "quantization": "python -m engine quantize --save",
    "recipes": "python -m engine recipes",
    "ring_unseen": "python -m engine baselines --unseen",
    "sketches": "python -m engine sketches --save",
    "training": "python -m engine train matdh --preset cpu --ship",
    "transfer": "python -m engine transfer",
    "tuned": "python -m engine quantize vgg16 vit --tune --save",
    "unfamiliar": "python -m engine gallery networks",
}


@st.cache_data(show_spinner=False)
def _read(path: str, modified: float) -> dict[str, Any]:
    return json.loads((FOLDER / path).read_text())


def result(name: str) -> dict[str, Any] | None:
    """Return ``models/results/<name>.json``, or None where nobody has measured it yet."""
    path = FOLDER / f"{name}.json"
    return _read(path.name, path.stat().st_mtime) if path.exists() else None


def stored(name: str) -> dict[str, Any]:
    """Return ``models/results/<name>.json``, which comes with the project or was found before.

    Args:
        name: Of the result; ``"paper_a"`` and ``"paper_b"`` hold the papers' own figures.

    Raises:
        ArtifactError: It is not here after all.
    """
    found = result(name)
    if found is None:
        raise ArtifactError(f"models/results/{name}.json is missing: it comes with the project, check it out again.")
    return found


def method_result(method: str) -> dict[str, Any] | None:
    """Return the protocol, the figures by code length and the paper's name of a hashing method, or None."""
    if method == "matdh":
        measured = result(method)
        return None if measured is None else {**measured, "paper": "MATDH"}
    ring = result("baselines")
    if ring is None or method not in ring["methods"]:
        return None
    return {"protocol": ring["protocol"], **ring["methods"][method]}


@st.cache_data(show_spinner=False, max_entries=4)
def _read_arrays(path: str, modified: float, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    with np.load(FOLDER / path, allow_pickle=False) as file:
        return {name: file[name] for name in names}


def arrays(name: str, *names: str) -> dict[str, np.ndarray]:
    """Return some arrays of ``models/results/<name>.npz``."""
    path = FOLDER / f"{name}.npz"
    return _read_arrays(path.name, path.stat().st_mtime, names)


def missing(name: str, command: str = "") -> None:
    """Say that a figure has not been measured, and how to measure it.

    Args:
        name: Of the result.
        command: What makes it, where that is not its entry of ``COMMANDS``.
    """
    st.info(
        f"Not measured yet: `models/results/{name}.json` is missing. Make it with `{command or COMMANDS[name]}`.",
        icon=":material/hourglass_empty:",
    )
