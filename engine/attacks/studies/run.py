"""Run the studies by name and keep their results in one file."""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from engine.attacks.outcome import AttackError

# Name, module and function: the modules are loaded when asked for, so that the command line starts at once.
STUDIES = {
    "toy": ("pictures", "toy_study"),
    "known-plaintext": ("pictures", "known_plaintext"),
    "jigsaw": ("pictures", "jigsaw_study"),
    "layers": ("pictures", "layers_study"),
    "ecb": ("pictures", "ecb_study"),
    "settings-anatomy": ("settings", "anatomy_study"),
    "settings-chest": ("settings", "chest_study"),
    "stored-codes": ("stored", "stored_codes_study"),
    "codes": ("codes", "codes_study"),
    "inversion": ("codes", "inversion_study"),
}
EVERYTHING = "all"


def run_attacks(names: Sequence[str], progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Run studies.

    Args:
        names: of studies, or ``"all"`` among them.
        progress: called with (study, steps done, steps in all).

    Returns:
        Results by study, with the values of every picture in them (``values.separate`` makes figures of them).

    Raises:
        AttackError: there is no such study, or the codes it needs have not been measured.
        DataError: the real pictures it needs are not on this machine.
    """
    for name in names:
        if name not in (*STUDIES, EVERYTHING):
            raise AttackError(f"There is no attack {name!r}: choose from {', '.join(STUDIES)}, or {EVERYTHING}.")
    return {study: _run(study, progress) for study in STUDIES if study in names or EVERYTHING in names}


def _run(study: str, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    from engine.evaluation.cipher_report import machine
    from engine.hashing.evaluate import commit

    module, function = STUDIES[study]
    measure = getattr(import_module(f"engine.attacks.studies.{module}"), function)
    return measure(lambda done, total: progress(study, done, total)) | {"commit": commit(), "machine": machine()}


def save_attacks(results: dict[str, Any], folder: Path | None = None) -> Path:
    """Put figures into ``attacks.json`` and values into ``attacks_values.npz``, beside those of other studies.

    Args:
        results: from :func:`run_attacks`.
        folder: where to write; ``models/results`` when None.

    Returns:
        Path of the JSON file.
    """
    from engine.attacks.studies.values import separate
    from engine.hashing.evaluate import RESULTS

    path = (folder or RESULTS) / "attacks.json"
    values = path.with_name("attacks_values.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    figures, arrays = separate(results)
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | figures, indent=1) + "\n")
    others = load_values(values) if values.exists() else {}
    others = {name: array for name, array in others.items() if name.split("/")[0] not in results}
    np.savez_compressed(values, allow_pickle=False, **others, **arrays)
    return path


def load_values(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a file of values."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
