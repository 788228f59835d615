"""Run the studies by name and keep their results in one file."""

import json
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.attacks.outcome import AttackError

# Name, module and function: the modules are loaded when asked for, so that the command line starts at once.
STUDIES = {
    "toy": ("pictures", "toy_study"),
    "known-plaintext": ("pictures", "known_plaintext"),
    "jigsaw": ("pictures", "jigsaw_study"),
    "layers": ("pictures", "layers_study"),
    "settings": ("settings", "settings_study"),
    "codes": ("codes", "codes_study"),
    "inversion": ("codes", "inversion_study"),
}
EVERYTHING = "all"


def run_attacks(name: str, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Run one study, or all of them.

    Args:
        name: of a study, or ``"all"``.
        progress: called with (study, steps done, steps in all).

    Returns:
        Results by study.

    Raises:
        AttackError: there is no such study, or the codes it needs have not been measured.
        DataError: the real pictures it needs are not on this machine.
    """
    if name not in (*STUDIES, EVERYTHING):
        raise AttackError(f"There is no attack {name!r}: choose one of {', '.join(STUDIES)}, or {EVERYTHING}.")
    chosen: Iterable[str] = STUDIES if name == EVERYTHING else [name]
    return {study: _run(study, progress) for study in chosen}


def _run(study: str, progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    from engine.evaluation.cipher_report import machine
    from engine.hashing.evaluate import commit

    module, function = STUDIES[study]
    measure = getattr(import_module(f"engine.attacks.studies.{module}"), function)
    return measure(lambda done, total: progress(study, done, total)) | {"commit": commit(), "machine": machine()}


def save_attacks(results: dict[str, Any], folder: Path | None = None) -> Path:
    """Put results into ``attacks.json``, beside those of other studies that are there already; return its path.

    Args:
        results: from :func:`run_attacks`.
        folder: where to write; ``models/results`` when None.
    """
    from engine.hashing.evaluate import RESULTS

    path = (folder or RESULTS) / "attacks.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | results, indent=1) + "\n")
    return path
