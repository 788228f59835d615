"""``quantize``: measure what int8 costs and saves."""

import argparse
import json
from functools import partial
from typing import Any

from engine.commands.console import note, progress

EVERYTHING = "all"


def add_parser(commands: Any) -> None:
    """Add ``quantize`` to the commands."""
    quantizing = commands.add_parser(
        "quantize",
        help="measure quantized networks",
        description="Quantize shipped networks in every way and measure accuracy, bytes and latency.",
    )
    quantizing.add_argument("names", metavar="NETWORK", nargs="*", default=[EVERYTHING], help="networks, or all")
    quantizing.add_argument("--json", action="store_true", help="print JSON")
    quantizing.add_argument(
        "--save", action="store_true", help="write models/results/quantization.json and quantization.npz"
    )
    quantizing.add_argument("--times", action="store_true", help="only time networks that are measured already")
    quantizing.add_argument(
        "--tune", action="store_true", help="add paper B's Algorithm 3 to a network that is measured already"
    )
    quantizing.set_defaults(run=quantize)


def quantize(options: argparse.Namespace) -> None:
    """Measure networks, and write the result files on request."""
    from engine.studies.quantization.measurement import measure, save, time_again, tune
    from engine.studies.quantization.subjects import SUBJECTS

    names = list(SUBJECTS) if EVERYTHING in options.names else options.names
    entries: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Any] = {}
    for name in names:
        if options.times:
            entries[name] = time_again(name)
        else:
            make = tune if options.tune else measure
            entries[name], arrays[name] = make(name, partial(progress, f"{name}: variant"))
        if options.save:
            note(f"written: {save(entries, arrays)}")
    if options.json:
        print(json.dumps(entries, indent=1))
        return
    for name, entry in entries.items():
        _print_network(name, entry)


def _print_network(name: str, entry: dict[str, Any]) -> None:
    for variant, row in entry["variants"].items():
        mean, low, high = row["accuracy"]
        size = row.get("file_bytes", row["formula_bytes"]) / 1e6
        print(f"{name:<14} {variant:<24} accuracy {mean:.4f}  [{low:.4f}, {high:.4f}]  {size:8.2f} MB")
    for batch, rows in entry["latency"].items():
        for variant, (milliseconds, ratio, compiled) in rows.items():
            print(
                f"{name:<14} {variant:<24} batch {batch:>2}  {milliseconds:8.2f} ms  {ratio:.2f} x as fast as fp32, "
                f"{compiled:.2f} x as fp32 compiled"
            )
