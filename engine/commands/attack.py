"""``attack``: run the attacks of the privacy lab and score them."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from engine.attacks.studies.run import EVERYTHING, STUDIES
from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``attack`` to the commands."""
    attacking = commands.add_parser(
        "attack", help="attack the ciphers and codes", description="Run the attacks of the privacy lab and score them."
    )
    attacking.add_argument(
        "names", metavar="NAME", nargs="+", choices=(*STUDIES, EVERYTHING), help=", ".join((*STUDIES, EVERYTHING))
    )
    attacking.add_argument("--json", action="store_true", help="print all of the results as JSON")
    attacking.add_argument(
        "--save", action="store_true", help="write models/results/attacks.json and attacks_values.npz"
    )
    attacking.set_defaults(run=attack)


def attack(options: argparse.Namespace) -> None:
    """Run one attack, several, or all of them."""
    from engine.attacks.studies.run import run_attacks, save_attacks
    from engine.attacks.studies.values import separate

    results = run_attacks(options.names, lambda study, done, total: progress(f"{study}: step", done, total))
    if options.save:
        note(f"written: {save_attacks(results)}")
    figures, _ = separate(results)
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, (mean, low, high) in intervals(figures, ()):
        print(f"{name:<70} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def intervals(found: Any, path: tuple[str, ...]) -> Iterator[tuple[str, list[float]]]:
    """Every ``[mean, low, high]`` in a result, named by the keys and the words on the way to it."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from intervals(value, (*path, key))
    elif isinstance(found, list) and all(isinstance(row, dict) for row in found):
        for row in found:
            words = [str(value) for value in row.values() if isinstance(value, (str, int))]
            yield from intervals(row, (*path, *words))
    elif isinstance(found, list) and len(found) == 3 and not any(isinstance(value, str) for value in found):
        yield " ".join(path), found
