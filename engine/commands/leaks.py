"""``dial`` and ``sketches``: measure what codes keep, and what a server guesses from what it holds."""

import argparse
from typing import Any

from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``dial`` and ``sketches`` to the commands."""
    dialled = commands.add_parser(
        "dial",
        help="measure what codes keep",
        description="Measure codes of every share of `index --codes` on test pictures that ask each other.",
    )
    dialled.set_defaults(run=dial)
    guessed = commands.add_parser(
        "sketches",
        help="measure what masked sketches tell a server",
        description="Measure what a server that knows a tenth of the built-in gallery guesses of the rest, from masked "
        "codes and from masked sketches.",
    )
    guessed.set_defaults(run=sketches)
    for command in (dialled, guessed):
        command.add_argument("--save", action="store_true", help="write the result into models/results")


def dial(options: argparse.Namespace) -> None:
    """Measure every share of the dial, print it, and write its result files if asked to."""
    from engine.studies.dial import RESULT, measure_dial

    result, arrays = measure_dial(lambda done, total: progress("hashed", done, total))
    _save(options.save, RESULT, result, arrays)
    for keeps, row in result["shares"].items():
        print(
            f"{keeps:<8} mAP binary {row['binary'][0]:.4f}  classes {row['classes'][0]:.4f}  AUC {row['auc'][0]:.4f}  "
            f"{row['distinct']} codes  kin {row['kin_in_ten'][0]:.3f}  server {row['purity'][0]:.3f}"
        )


def sketches(options: argparse.Namespace) -> None:
    """Measure what codes and sketches tell a server, print it, and write its result files if asked to."""
    from engine.studies.sketches import RESULT, measure_sketches

    result, arrays = measure_sketches()
    _save(options.save, RESULT, result, arrays)
    for fact, row in result["facts"].items():
        shares = "  ".join(f"{held} {row[held]['guessed'][0]:.3f}" for held in result["held"])
        print(f"{fact:<8} {shares}  chance {row['chance']:.3f}")


def _save(wanted: bool, name: str, result: dict[str, Any], arrays: dict[str, Any]) -> None:
    from engine.artifacts import save_result

    if wanted:
        note(f"written: {save_result(name, result, arrays)}")
