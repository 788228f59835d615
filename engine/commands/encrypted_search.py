"""``train-network``, ``encrypted-search`` and ``likeness``: readers of encrypted pictures, trained and measured."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.commands.console import note, note_figures, positive, progress

if TYPE_CHECKING:
    from engine.studies.encrypted_search.figures import Arrays
    from engine.studies.steps import Steps


def add_parser(commands: Any) -> None:
    """Add ``train-network`` and ``encrypted-search`` to the commands."""
    from engine.encrypted_search.networks import METHODS, NETWORKS

    training = commands.add_parser(
        "train-network",
        help="train a network that searches encrypted pictures",
        description="Train VGG-16 or a ViT on anatomy pictures, in the clear or encrypted; resumes by itself.",
    )
    training.add_argument("name", metavar="NAME", choices=tuple(NETWORKS), help=", ".join(NETWORKS))
    training.add_argument("--ship", action="store_true", help="write the best weights and their card to models/weights")
    training.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")
    training.add_argument("--epochs", type=positive, help="fewer or more epochs than the recipe")
    training.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    training.set_defaults(run=train_network)
    measuring = commands.add_parser(
        "encrypted-search",
        help="measure every network in every setting",
        description="Measure VGG-16 and the ViT at every block size and key policy; write models/results. "
        "A stopped run goes on where it stopped.",
    )
    measuring.add_argument(
        "--method", choices=METHODS, help="measure this one only, and keep the stored figures of the other"
    )
    measuring.add_argument(
        "--as",
        dest="way",
        choices=("ours", "paper", "nearest"),
        default="ours",
        help="our networks, paper B's on cipher pixels, or the nearest cipher picture (default: %(default)s)",
    )
    measuring.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME",
        help='with --as: only this, like "shared-8"; repeatable',
    )
    measuring.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    measuring.set_defaults(run=encrypted_search)
    alike = commands.add_parser(
        "likeness",
        help="measure how alike queries and results look",
        description="Measure SSIM and feature distance of test pictures and what each reader finds for them, encrypted "
        "and in the clear; write models/results.",
    )
    alike.set_defaults(run=likeness)


def likeness(options: argparse.Namespace) -> None:
    """Measure how alike queries and results look, and write the result files."""
    from engine.artifacts import save_result
    from engine.studies import likeness as study

    result, arrays = study.measure(lambda done, total: progress("settings measured:", done, total))
    note(f"written: {save_result(study.NAME, result, arrays)}")
    for row in result["cells"]:
        print(
            f"{row['reader']:<8} {row['setting']:<10} SSIM {row['ssim'][0]:.4f} [{row['ssim'][1]:.4f}, "
            f"{row['ssim'][2]:.4f}]  feature distance {row['feature_distance'][0]:.3f}"
        )


def train_network(options: argparse.Namespace) -> None:
    """Train a network and, on request, ship its best weights."""
    from engine.encrypted_search import shipping

    training = shipping.train_network(options.name, options.seed, options.runs, options.epochs, note_figures)
    print(f"best validation accuracy {training.best:.4f}, weights in {training.folder / 'best.safetensors'}")
    if options.ship:
        card = shipping.ship_network(options.name, training)
        print(f"shipped {options.name}: {card['bytes']:,} bytes; right on validation {card['validation_right']}")


def encrypted_search(options: argparse.Namespace) -> None:
    """Measure every cell and write the result files."""
    steps = kept_steps(options.runs)
    if options.way == "ours":
        result, arrays = measured(steps, options.method)
        note(f"written: {save(result, arrays)}")
    else:
        result = _measure_pixels(options.way, steps, options.setting)
    steps.forget()
    show(result)


def show(result: dict[str, Any]) -> None:
    """Print what every network gets right in every setting."""
    for row in result["cells"]:
        print(
            f"{row['method'] or row['as']:<7} {row['setting']:<10} {row['right']:>3} of {row['count']} right, "
            f"accuracy {row['accuracy'][0]:.4f} [{row['accuracy'][1]:.4f}, {row['accuracy'][2]:.4f}]  "
            f"mAP {row['map'][0]:.4f}  P@10 {row['p_at_10'][0]:.4f}"
        )


def _measure_pixels(way: str, steps: "Steps", settings: list[str]) -> dict[str, Any]:
    """Measure what reads cipher pixels and write its files."""
    from engine.artifacts import save_result
    from engine.studies import encrypted_pixels as study

    found = study.measure(way, lambda done, total: progress("settings measured:", done, total), steps, settings)
    result, arrays = study.joined(*found)
    note(f"written: {save_result(study.NAME, result, arrays)}")
    return result


def kept_steps(runs: Path) -> "Steps":
    """Return the steps of a long measurement, kept in the folder of resumable runs."""
    from engine.studies.steps import Steps

    return Steps(runs / "steps")


def measured(steps: "Steps", method: str | None = None) -> "tuple[dict[str, Any], Arrays]":
    """Measure one method's networks, or all, and say how far it is: the result file's data and the answers'."""
    from engine.encrypted_search.networks import METHODS
    from engine.studies.encrypted_search.measurement import joined, measure

    methods = (method,) if method else METHODS
    return joined(*measure(lambda done, total: progress("settings measured:", done, total), methods, steps))


def save(result: dict[str, Any], arrays: "Arrays") -> Path:
    """Write what :func:`measured` returned."""
    from engine.artifacts import save_result

    return save_result("encrypted_search", result, arrays)
