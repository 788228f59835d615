"""Run the studies by name and keep their results in one file."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.artifacts import commit, find_result, machine, save_result
from engine.attacks.outcome import AttackError
from engine.studies.attacks.values import separate
from engine.studies.steps import Steps

# Name, module and function: the modules are loaded when asked for, so that the command line starts at once.
STUDIES = {
    "toy": ("pictures", "toy_study"),
    "known-plaintext": ("pictures", "known_plaintext"),
    "jigsaw": ("pictures", "jigsaw_study"),
    "comparators": ("comparators", "comparators_study"),
    "layers": ("pictures", "layers_study"),
    "ecb": ("pictures", "ecb_study"),
    "settings-anatomy": ("settings", "anatomy_study"),
    "settings-chest": ("settings", "chest_study"),
    "stored-codes": ("stored", "stored_codes_study"),
    "codes": ("codes", "codes_study"),
    "gallery-codes": ("gallery", "gallery_codes_study"),
    "inversion": ("codes", "inversion_study"),
    "descriptors": ("codes", "descriptors_study"),
    "sizes": ("hiding", "sizes_study"),
    "decoys": ("hiding", "decoys_study"),
    "pairs": ("hiding", "pairs_study"),
    "defences": ("defences", "defences_study"),
    "private-search": ("private", "private_search_study"),
}
EVERYTHING, MAP = "all", "map"
# What the measured map is drawn from, beside what networks find (engine.encrypted_search): many minutes, step by step.
MAP_STUDIES = ("settings-anatomy", "settings-chest", "stored-codes", "private-search")


def run_attacks(
    names: Sequence[str], progress: Callable[[str, int, int], None], steps: Steps | None = None
) -> dict[str, Any]:
    """Run studies.

    Args:
        names: of studies; ``"all"`` stands for all of them, ``"map"`` for those that the measured map is drawn from.
        progress: called with (study, steps done, steps in all).
        steps: keeps what was measured for a run that is stopped.

    Returns:
        Results by study, with the values of every picture in them (``values.separate`` makes figures of them).

    Raises:
        AttackError: there is no such study, or the codes it needs have not been measured.
        DataError: the real pictures it needs are not on this machine.
    """
    return {study: _run(study, progress, steps or Steps()) for study in studies_of(names)}


def studies_of(names: Sequence[str]) -> list[str]:
    """Return the studies that names stand for, in the order of ``STUDIES``.

    Raises:
        AttackError: there is no such study.
    """
    groups = {EVERYTHING: tuple(STUDIES), MAP: MAP_STUDIES}
    for name in names:
        if name not in STUDIES and name not in groups:
            raise AttackError(f"There is no attack {name!r}: choose from {', '.join((*STUDIES, *groups))}.")
    wanted = {study for name in names for study in groups.get(name, (name,))}
    return [study for study in STUDIES if study in wanted]


def _run(study: str, progress: Callable[[str, int, int], None], steps: Steps) -> dict[str, Any]:
    module, function = STUDIES[study]
    measure = getattr(import_module(f"engine.studies.attacks.{module}"), function)
    kept, start = {"steps": steps} if study in MAP_STUDIES else {}, steps.clock()
    found = measure(lambda done, total: progress(study, done, total), **kept)
    return found | {"commit": commit(), "machine": machine(), "seconds": round(steps.clock() - start, 1)}


def save_attacks(results: dict[str, Any], folder: Path | None = None) -> Path:
    """Put figures into ``attacks.json`` and values into ``attacks.npz``, beside those of other studies.

    Args:
        results: from :func:`run_attacks`.
        folder: where to write; ``models/results`` when None.

    Returns:
        Path of the JSON file.
    """
    figures, arrays = separate(results)
    kept, others = find_result("attacks", folder) or ({}, {})
    others = {name: array for name, array in others.items() if name.split("/")[0] not in results}
    return save_result("attacks", kept | figures, others | arrays, folder)


def seconds_last_time(names: Sequence[str], folder: Path | None = None) -> float:
    """Return the processor time that studies took when they were last measured; 0 where nobody has.

    Args:
        names: of studies, as :func:`run_attacks` takes them; of the map, the networks' time is added.
        folder: of the result files; ``models/results`` when None.
    """
    attacks, networks = ((find_result(name, folder) or ({}, {}))[0] for name in ("attacks", "encrypted_search"))
    seconds = [attacks.get(study, {}).get("seconds", 0) for study in studies_of(names)]
    return sum(seconds) + (sum(networks.get("seconds", {}).values()) if MAP in names else 0)
