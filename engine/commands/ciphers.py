"""``ciphers``: measure both papers' cipher tables."""

import argparse
import json
from typing import Any

from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``ciphers`` to the commands."""
    ciphering = commands.add_parser(
        "ciphers", help="measure the ciphers", description="Measure both papers' cipher tables on the test split."
    )
    ciphering.add_argument("--json", action="store_true", help="print JSON")
    ciphering.add_argument("--save", action="store_true", help="write models/results")
    ciphering.set_defaults(run=ciphers)


def ciphers(options: argparse.Namespace) -> None:
    """Measure every cipher on the test pictures and its speed on this machine."""
    from engine.artifacts import save_result
    from engine.datasets import PAPER, load_dataset
    from engine.studies.ciphers import report_ciphers

    dataset = load_dataset(PAPER.collection)
    result, arrays = report_ciphers(dataset, lambda done, total: progress("measured", done, total))
    if options.save:
        note(f"written: {save_result('ciphers', result, arrays)}")
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for row, figures in result["split"].items():
        for name, values in figures.items():
            print(f"{row:<12} {name:<24} {values['mean']:12.4f}  [{values['p5']:.4f}, {values['p95']:.4f}]")
    for name, speed in result["speed"].items():
        print(f"{name:<12} {speed:10.1f} Mbit/s")
