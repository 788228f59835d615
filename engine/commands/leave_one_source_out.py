"""``leave-one-source-out``: train without a hospital, and measure in it."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import note, note_figures, positive


def add_parser(commands: Any) -> None:
    """Add ``leave-one-source-out`` to the commands."""
    from engine.training.config import PRESETS

    leaving = commands.add_parser(
        "leave-one-source-out",
        help="train without a hospital, measure in it",
        description="Train with every source and without each, from a random start, and write "
        "models/results/leave_one_source_out: as many trainings as sources, and one.",
    )
    leaving.add_argument(
        "--only", nargs="+", metavar="SOURCE", help="such as radiopaedia.org; default: all that can be"
    )
    leaving.add_argument("--preset", choices=tuple(PRESETS), default="left-out", help="preset (default: %(default)s)")
    leaving.add_argument("--epochs", type=positive, help="fewer or more epochs than the preset")
    leaving.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")
    leaving.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    leaving.set_defaults(run=leave_one_source_out)


def leave_one_source_out(options: argparse.Namespace) -> None:
    """Train and measure, and write the result files."""
    from engine.artifacts import save_result
    from engine.studies.leave_one_source_out import RESULT, run_leave_one_source_out

    result, arrays = run_leave_one_source_out(
        options.preset,
        options.seed,
        options.runs,
        options.only,
        options.epochs,
        lambda name, row: note_figures(row, f"without {name}: "),
    )
    note(f"written: {save_result(RESULT, result, arrays)}")
    for kind in ("inside", "positives"):
        for origin, rows in result[kind].items():
            for name, row in rows.items():
                if row and row["auc"]:
                    print(f"{kind:<10} {origin:<20} {name:<14} AUC {row['auc'][0]:.4f}  of {row['counts']}")
