"""``dial``, ``sketches`` and ``crowd``: what codes keep, what a server guesses, and whether large galleries hold."""

import argparse
from typing import Any

from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``dial``, ``sketches`` and ``crowd`` to the commands."""
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
    crowded = commands.add_parser(
        "crowd",
        help="measure search in 100,000 pictures",
        description="Fill a gallery up to 100,000 codes, and ask for pictures that are in it.",
    )
    crowded.set_defaults(run=crowd)
    for command in (dialled, guessed, crowded):
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


def crowd(options: argparse.Namespace) -> None:
    """Measure search in galleries that grow, print it, and write its result files if asked to."""
    from engine.studies.crowd import PROTOCOLS, RESULT, measure_crowd

    result, arrays = measure_crowd(lambda done, total: progress("hashed", done, total))
    _save(options.save, RESULT, result, arrays)
    for size, row in result["sizes"].items():
        shares = "  ".join(f"{name} {row[name]['first'][0]:.3f} {row[name]['likest'][0]:.3f}" for name in PROTOCOLS)
        print(f"{size:>7} pictures, {row['distinct']} codes; first, likest among ten: {shares}")


def _save(wanted: bool, name: str, result: dict[str, Any], arrays: dict[str, Any]) -> None:
    from engine.artifacts import save_result

    if wanted:
        note(f"written: {save_result(name, result, arrays)}")
