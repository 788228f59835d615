"""``evaluate``: recompute a method's figures from pictures."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from engine.commands.console import note, progress
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.datasets import Dataset


def add_parser(commands: Any) -> None:
    """Add ``evaluate`` to the commands."""
    from engine.hashing import EMBEDDING, METHODS

    evaluating = commands.add_parser("evaluate", help="measure a method", description="Measure a shipped method.")
    evaluating.add_argument(
        "--method", choices=(*METHODS, EMBEDDING), default="matdh", help="method (default: %(default)s)"
    )
    evaluating.add_argument("--bits", type=int, default=48, help="code length to print (default: %(default)s)")
    evaluating.add_argument("--json", action="store_true", help="print JSON")
    evaluating.add_argument("--save", action="store_true", help="write models/results, all code lengths (matdh)")
    evaluating.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Recompute a method's figures from pictures."""
    from engine.datasets import load_dataset
    from engine.hashing.rivals import evaluate_rival

    if options.save and options.method != "matdh":
        raise VaultError("Only matdh has a result file of its own: `python -m engine rivals` writes the others'.")
    dataset = load_dataset("covidx-open")
    if options.method == "matdh":
        result = _evaluate_matdh(options, dataset)
    else:
        result = evaluate_rival(options.method, options.bits, dataset, lambda *done: progress("prepared", *done))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for tasks in result["bits"].values():
        for task, values in tasks.items():
            for name in ("map", "p_at_1", "p_at_5", "p_at_10", "precision_within_2", "accuracy"):
                # Without bits there is no Hamming ball.
                if name in values:
                    mean, low, high = values[name]
                    print(f"{task:<12} {name:<20} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def _evaluate_matdh(options: argparse.Namespace, dataset: "Dataset") -> dict[str, Any]:
    from engine.hashing.evaluate import evaluate_method, save_result

    result, arrays = evaluate_method("matdh", dataset, lambda done, total: progress("hashed", done, total))
    bits = str(options.bits)
    if bits not in result["bits"]:
        raise VaultError(f"{bits} bits were not measured: choose one of {', '.join(result['bits'])}.")
    if options.save:
        note(f"written: {save_result('matdh', result, arrays)}")
    return {**result, "bits": {bits: result["bits"][bits]}}
