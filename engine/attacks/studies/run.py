"""Run the studies by name and keep their results in one file."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from engine.attacks.outcome import AttackError
from engine.attacks.studies.codes import codes_study, inversion_study
from engine.attacks.studies.pictures import jigsaw_study, known_plaintext, layers_study, toy_study
from engine.attacks.studies.settings import settings_study
from engine.attacks.studies.subjects import Progress
from engine.evaluation.cipher_report import machine
from engine.hashing.evaluate import RESULTS, commit

STUDIES: dict[str, Callable[[Progress], dict[str, Any]]] = {
    "toy": toy_study,
    "known-plaintext": known_plaintext,
    "jigsaw": jigsaw_study,
    "layers": layers_study,
    "settings": settings_study,
    "codes": codes_study,
    "inversion": inversion_study,
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
        AttackError: there is no such study.
        DataError: the real pictures a study needs are not on this machine.
    """
    if name not in (*STUDIES, EVERYTHING):
        raise AttackError(f"There is no attack {name!r}: choose one of {', '.join(STUDIES)}, or {EVERYTHING}.")
    chosen: Iterable[str] = STUDIES if name == EVERYTHING else [name]
    return {
        study: STUDIES[study](lambda done, total, study=study: progress(study, done, total))  # type: ignore[misc]
        | {"commit": commit(), "machine": machine()}
        for study in chosen
    }


def save_attacks(results: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Put results into ``attacks.json``, beside those of other studies that are there already; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "attacks.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(kept | results, indent=1) + "\n")
    return path
