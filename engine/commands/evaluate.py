"""``evaluate``: recompute a method's figures from pictures."""

import argparse
import json
from typing import Any

from engine.commands.console import note, progress
from engine.errors import VaultError


def add_parser(commands: Any) -> None:
    """Add ``evaluate`` to the commands."""
    from engine.hashing import METHODS

    evaluating = commands.add_parser("evaluate", help="measure a method", description="Measure a shipped method.")
    evaluating.add_argument("--method", choices=METHODS, default="matdh", help="method (default: %(default)s)")
    evaluating.add_argument("--bits", type=int, default=48, help="code length to print (default: %(default)s)")
    evaluating.add_argument("--json", action="store_true", help="print JSON")
    evaluating.add_argument("--save", action="store_true", help="write models/results, all code lengths")
    evaluating.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Recompute a method's figures from pictures."""
    from engine.datasets import load_dataset
    from engine.hashing.evaluate import evaluate_method, save_result

    dataset = load_dataset("covidx-open")
    result, arrays = evaluate_method(options.method, dataset, lambda done, total: progress("hashed", done, total))
    if str(options.bits) not in result["bits"]:
        raise VaultError(f"{options.bits} bits were not measured: choose one of {', '.join(result['bits'])}.")
    if options.save:
        note(f"written: {save_result(options.method, result, arrays)}")
    figures = result["bits"][str(options.bits)]
    if options.json:
        print(json.dumps({**result, "bits": {str(options.bits): figures}}, indent=1))
        return
    for task, values in figures.items():
        for name in ("map", "p_at_1", "p_at_5", "p_at_10", "precision_within_2", "accuracy"):
            mean, low, high = values[name]
            print(f"{task:<12} {name:<20} {mean:.4f}  [{low:.4f}, {high:.4f}]")
