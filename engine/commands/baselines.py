"""``baselines``: train and measure MATDH and the other methods of paper A's tables under one budget."""

import argparse
from pathlib import Path
from typing import Any

from engine.commands.console import note, note_figures, progress


def add_parser(commands: Any) -> None:
    """Add ``baselines`` to the commands."""
    ring = commands.add_parser(
        "baselines",
        help="train and measure every method",
        description="Train MATDH and its baselines under one budget, ship them and write models/results/baselines.",
    )
    ring.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")
    ring.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    ring.add_argument(
        "--unseen", action="store_true", help="train nothing: ask the stored codes of test pictures of each other"
    )
    ring.set_defaults(run=baselines)


def baselines(options: argparse.Namespace) -> None:
    """Train and measure every method, and write the result files."""
    from engine.artifacts import save_result

    if options.unseen:
        _unseen()
        return
    from engine.studies.baselines import run_baselines

    def report(name: str, row: dict[str, float]) -> None:
        note_figures(row, f"{name}: ")

    result, arrays = run_baselines(
        options.seed, options.runs, report, lambda done, total: progress("prepared", done, total)
    )
    note(f"written: {save_result('baselines', result, arrays)}")
    for name, row in result["methods"].items():
        tasks = row["bits"].get("48") or row["bits"]["features"]
        print(f"{name:<12} " + "  ".join(f"{task} mAP {figures['map'][0]:.4f}" for task, figures in tasks.items()))


def _unseen() -> None:
    from engine.artifacts import save_result
    from engine.studies.ring_unseen import RESULT, measure_ring_unseen

    result = measure_ring_unseen()
    note(f"written: {save_result(RESULT, result)}")
    for name, row in result["methods"].items():
        figures = f"binary mAP {row['binary'][0]:.4f}  classes mAP {row['classes'][0]:.4f}"
        print(f"{name:<12} {figures}  {row['distinct']} codes")
