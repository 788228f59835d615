"""``novelty``: measure the warning about strange pictures."""

import argparse
from typing import Any

from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``novelty`` to the commands."""
    warning = commands.add_parser(
        "novelty",
        help="measure the novelty warning",
        description="Set the threshold of the warning about strange pictures and write models/results/novelty.",
    )
    warning.set_defaults(run=measure_warning)


def measure_warning(options: argparse.Namespace) -> None:
    """Measure the novelty warning and write its result files."""
    from engine.artifacts import save_result
    from engine.studies.novelty import measure_novelty

    result, arrays = measure_novelty("matdh", lambda done, total: progress("looked at", done, total))
    note(f"written: {save_result('novelty', result, arrays)}")
    for kind in ("expected", "strange"):
        for group in result[kind].values():
            print(f"{kind:<9} {group['what']:<48} {group['count']:>4} pictures, alarms {group['alarms'][0]:.3f}")
