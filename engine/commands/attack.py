"""``attack``: run the attacks of the privacy lab, score them, and measure all that its map is drawn from."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.commands.console import note, progress
from engine.studies.attacks.run import EVERYTHING, MAP, STUDIES

NAMES = (*STUDIES, EVERYTHING, MAP)
NOTES = """\
map    what the measured map is drawn from, from pictures and shipped weights: settings-anatomy, settings-chest,
       stored-codes, and what networks find in encrypted pictures (as `encrypted-search` measures it)
all    every attack, without networks

Both take many minutes on one core; the command says how many it took the last time. A stopped run goes on where it
stopped. The map is drawn from the result files, so it follows whatever is measured anew. When only the weights of the
hashing encoder have changed, measure what depends on them:

  python -m engine evaluate --method matdh --save
  python -m engine attack codes inversion stored-codes --save
"""


def add_parser(commands: Any) -> None:
    """Add ``attack`` to the commands."""
    attacking = commands.add_parser(
        "attack",
        help="attack the ciphers and codes; measure the map",
        description="Run the attacks of the privacy lab and score them.",
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attacking.add_argument("names", metavar="NAME", nargs="+", choices=NAMES, help=", ".join(NAMES))
    attacking.add_argument("--json", action="store_true", help="print all of the results as JSON")
    attacking.add_argument(
        "--save",
        action="store_true",
        help="write models/results/attacks.json and attacks.npz; of the map, also encrypted_search",
    )
    attacking.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    attacking.set_defaults(run=attack)


def attack(options: argparse.Namespace) -> None:
    """Run one attack, several, all of them, or all that the map is drawn from."""
    from engine.commands.encrypted_search import kept_steps, measured, save, show
    from engine.studies.attacks.run import run_attacks, save_attacks, seconds_last_time
    from engine.studies.attacks.values import separate

    steps = kept_steps(options.runs)
    start, expected = steps.clock(), seconds_last_time(options.names)
    if expected:
        note(f"the last time this took {expected / 60:.1f} minutes of processor time")
    results = run_attacks(options.names, lambda study, done, total: progress(f"{study}: step", done, total), steps)
    networks = measured(steps) if MAP in options.names else None
    note(f"measured in {(steps.clock() - start) / 60:.1f} minutes of processor time")
    if options.save:
        note(f"written: {save_attacks(results)}")
        if networks:
            note(f"written: {save(*networks)}")
        steps.forget()
    figures = separate(results)[0]
    if options.json:
        print(json.dumps(figures | ({"encrypted-search": networks[0]} if networks else {}), indent=1))
        return
    for name, (mean, low, high) in intervals(figures, ()):
        print(f"{name:<70} {mean:.4f}  [{low:.4f}, {high:.4f}]")
    if networks:
        show(networks[0])


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
