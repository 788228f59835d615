"""``ordering``: measure what descriptors add where codes are equal."""

import argparse
from typing import Any

from engine.commands.console import note, progress


def add_parser(commands: Any) -> None:
    """Add ``ordering`` to the commands."""
    likest = commands.add_parser(
        "ordering",
        help="measure the order among equal codes",
        description="Measure what descriptors add where codes are equal and write models/results/ordering.",
    )
    likest.set_defaults(run=measure_order)


def measure_order(options: argparse.Namespace) -> None:
    """Measure the order among equal codes and write its result files."""
    from engine.artifacts import save_result
    from engine.studies.ordering import measure_ordering

    result, arrays = measure_ordering("matdh", lambda done, total: progress("hashed", done, total))
    note(f"written: {save_result('ordering', result, arrays)}")
    for name, row in result["figures"].items():
        print(f"{name:<22} codes alone {row['code'][0]:.4f}  ordered {row['ordered'][0]:.4f}")
