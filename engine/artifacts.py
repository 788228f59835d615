"""Where weights and results lie, what made them, and the one way to write and to read a result.

A result is ``models/results/<name>.json`` (figures) and, where figures are made from values that are worth keeping,
``<name>.npz`` beside it (arrays), so that a stored figure can be checked without pictures or a network. Weights are
``models/weights/<name>.safetensors`` with a card ``<name>.json``.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.errors import VaultError
from engine.files import file_sha256, write_arrays, write_json

if TYPE_CHECKING:
    from engine.datasets import Dataset

Values = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]

MODELS = Path(__file__).resolve().parents[1] / "models"
WEIGHTS = MODELS / "weights"
RESULTS = MODELS / "results"


class ArtifactError(VaultError):
    """A result or a weights file that is not here."""


def save_result(
    name: str,
    values: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    folder: Path | None = None,
) -> Path:
    """Write a result, each file whole or not at all.

    Args:
        name: Of the result, fit for a file's name.
        values: Plain data: figures, protocol and provenance.
        arrays: What the figures follow from, by name; None or nothing for a result without arrays.
        folder: Where to; ``models/results`` when None.

    Returns:
        Path of the JSON file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_result("trial", {"mean": 1.5}, {"values": np.array([1, 2])}, folder).name
        'trial.json'
        >>> load_result("trial", folder)
        ({'mean': 1.5}, {'values': array([1, 2])})
    """
    path = result_path(name, folder)
    if arrays:
        write_arrays(path.with_suffix(".npz"), arrays)
    else:
        path.with_suffix(".npz").unlink(missing_ok=True)
    write_json(path, values)
    return path


def load_result(name: str, folder: Path | None = None) -> tuple[Values, Arrays]:
    """Read what :func:`save_result` wrote.

    Args:
        name: Of the result.
        folder: Where from; ``models/results`` when None.

    Returns:
        The plain data, and the arrays by name (none where none were kept).

    Raises:
        ArtifactError: There is no such result.
    """
    return load_values(name, folder), load_arrays(name, folder)


def load_values(name: str, folder: Path | None = None) -> Values:
    """Read the plain data of a result.

    Raises:
        ArtifactError: There is no such result.
    """
    path = result_path(name, folder)
    if not path.exists():
        raise ArtifactError(f"There is no stored result {name!r}: measure it first.")
    return json.loads(path.read_text())


def load_arrays(name: str, folder: Path | None = None) -> Arrays:
    """Read the arrays of a result: nothing where none were kept.

    Raises:
        ArtifactError: There is no such result.
    """
    path = result_path(name, folder)
    if not path.exists():
        raise ArtifactError(f"There is no stored result {name!r}: measure it first.")
    if not path.with_suffix(".npz").exists():
        return {}
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def find_result(name: str, folder: Path | None = None) -> tuple[Values, Arrays] | None:
    """Read a result, or return None where nobody has measured it yet."""
    return load_result(name, folder) if result_path(name, folder).exists() else None


def result_path(name: str, folder: Path | None = None) -> Path:
    """Return where a result's JSON file belongs; it may be missing."""
    return (folder or RESULTS) / f"{name}.json"


def weights_path(name: str, folder: Path | None = None) -> Path:
    """Return where a network's weights belong; the file may be missing."""
    return (folder or WEIGHTS) / f"{name}.safetensors"


def read_card(name: str, folder: Path | None = None) -> Values:
    """Read the card of a network: what it is, from which data, how trained.

    Args:
        name: Of the network.
        folder: Where from; ``models/weights`` when None.

    Raises:
        ArtifactError: There is no such card.
    """
    path = weights_path(name, folder).with_suffix(".json")
    if not path.exists():
        raise ArtifactError(f"The card {path.name} of the weights {name} is not here: train and ship them first.")
    return json.loads(path.read_text())


def provenance(dataset: "Dataset | None" = None, weights: str | None = None, **facts: Any) -> Values:
    """Say what a figure depends on: hashes of data and weights, how these were trained, commit and machine.

    Args:
        dataset: Which pictures were measured.
        weights: Name of the shipped network that was measured.
        **facts: What else it depends on.

    Returns:
        ``training`` and ``weights_sha256`` of the weights, ``data_sha256`` of the pictures, ``commit``, ``machine``,
        and the further facts.

    Raises:
        ArtifactError: The weights have no card.
    """
    found: Values = {}
    if weights is not None:
        found |= {"training": read_card(weights)["training"], "weights_sha256": file_sha256(weights_path(weights))}
    if dataset is not None:
        from engine.datasets import data_hash

        found["data_sha256"] = data_hash(dataset)
    return {**found, "commit": commit(), "machine": machine(), **facts}


def source_hash(patterns: Iterable[str], root: Path = MODELS.parent) -> str:
    """Return a SHA-256 over files of the checkout, names and contents, for caches of what they make.

    Args:
        patterns: Which files, as ``Path.glob`` takes them.
        root: Of the checkout.
    """
    total = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
        total.update(f"{path.relative_to(root)} {file_sha256(path)}\n".encode())
    return total.hexdigest()


def commit() -> str:
    """Return the commit the code stands on or was built from, or "unknown" where neither is known."""
    built = MODELS.with_name("engine") / "COMMIT"
    if built.exists():
        return built.read_text().strip()[:12]
    asked = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        git = subprocess.run(asked, cwd=MODELS, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return git.stdout.strip() or "unknown"


def machine() -> str:
    """Say what this process computes on: processor or GPU, cores, and the versions that speed depends on.

    Example:
        >>> "cores, Python 3" in machine()
        True
    """
    facts = [f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    # Who has not loaded torch does not compute with it.
    torch = sys.modules.get("torch")
    if torch is None:
        return ", ".join([_processor(), *facts])
    facts.append(f"torch {torch.__version__}")
    return ", ".join([torch.cuda.get_device_name() if torch.cuda.is_available() else _processor(), *facts])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()} ({platform.machine()})"
