"""``train``, ``recipes``, ``ablations``, ``transfer``, ``frames``: train networks, measure what a choice is worth."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from engine.commands.console import note, note_figures, positive, progress
from engine.errors import VaultError


def add_parser(commands: Any) -> None:
    """Add ``train`` and the studies around it to the commands."""
    training, ablating, leaving = _add_train(commands), _add_ablations(commands), _add_transfer(commands)
    _add_recipes(commands)
    _add_frames(commands)
    for command in (training, leaving):
        command.add_argument("--seed", type=int, default=0, help="seed (default: %(default)s)")
    for command in (training, ablating, leaving):
        command.add_argument("--epochs", type=positive, help="fewer or more epochs than the preset")
        command.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")


def _add_train(commands: Any) -> argparse.ArgumentParser:
    from engine.hashing.methods import METHODS
    from engine.training.config import PRESETS, VARIANTS

    training: argparse.ArgumentParser = commands.add_parser(
        "train", help="train a method", description="Train a method; resumes by itself."
    )
    training.add_argument("name", metavar="NAME", choices=tuple(METHODS), help=", ".join(METHODS))
    training.add_argument(
        "--preset", choices=tuple(PRESETS), default="cpu", help="configuration (default: %(default)s)"
    )
    training.add_argument("--ablation", choices=tuple(VARIANTS), help="train this variant")
    training.add_argument("--ship", action="store_true", help="write the best weights and their card to models/weights")
    training.set_defaults(run=train)
    return training


def _add_ablations(commands: Any) -> argparse.ArgumentParser:
    ablating: argparse.ArgumentParser = commands.add_parser(
        "ablations",
        help="train and measure the ablations",
        description="Train every variant of paper A section 4.5 under one budget and write models/results/ablations.",
    )
    ablating.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        metavar="SEED",
        help="each trains every variant (default: 0 1 2)",
    )
    ablating.set_defaults(run=ablations)
    return ablating


def _add_transfer(commands: Any) -> argparse.ArgumentParser:
    leaving: argparse.ArgumentParser = commands.add_parser(
        "transfer",
        help="leave a publisher out and look",
        description="Train with and without what guards against learning the hospital, each also without a publisher "
        "of positives, and write models/results/transfer.",
    )
    leaving.set_defaults(run=transfer)
    return leaving


def _add_recipes(commands: Any) -> None:
    cooking = commands.add_parser(
        "recipes",
        help="train and measure seeds and recipes",
        description="Train MATDH as shipped under three seeds, without experts, and by paper A's recipe, and write "
        "models/results/recipes. Some fifteen minutes on a GPU, days on a processor; finished runs are only measured.",
    )
    cooking.add_argument("--only", nargs="+", metavar="NAME", help="such as cpu; the others stay as measured")
    cooking.add_argument("--runs", type=Path, default=Path("runs"), help="folder of resumable runs")
    cooking.set_defaults(run=recipes)


def _add_frames(commands: Any) -> None:
    framing = commands.add_parser(
        "frames",
        help="ask how much of the chest to show",
        description="Probe margins around the lungs with the frozen VGG-16, on the validation split and across "
        "publishers, and write models/results/frames. Some fifteen minutes on one core.",
    )
    framing.set_defaults(run=frames)


def train(options: argparse.Namespace) -> None:
    """Train a method and, on request, ship its best weights."""
    from engine.training.run import train_method
    from engine.training.shipping import ship

    if options.ship and options.ablation:
        raise VaultError("An ablation is measured, not shipped: leave out --ship or --ablation.")
    run = train_method(
        options.name, options.preset, options.seed, options.runs, options.epochs, note_figures, options.ablation
    )
    print(f"best validation score {run.best_score:.4f}, weights in {run.weights}")
    if options.ship:
        print(f"shipped: {ship(run)}")


def recipes(options: argparse.Namespace) -> None:
    """Train and measure every recipe, and write the result files."""
    from engine.artifacts import load_result, save_result
    from engine.studies.recipes import run_recipes

    earlier = load_result("recipes") if options.only else None
    result, arrays = run_recipes(options.runs, _report, options.only, earlier)
    note(f"written: {save_result('recipes', result, arrays)}")
    _print_map(result["recipes"])


def frames(options: argparse.Namespace) -> None:
    """Probe every margin, and write the result files."""
    from engine.artifacts import save_result
    from engine.studies.frames import run_framing_study

    result, arrays = run_framing_study(partial(progress, "seen"))
    note(f"written: {save_result('frames', result, arrays)}")
    for margin, row in result["margins"].items():
        print(f"margin {margin:<6} " + "  ".join(f"{name} AUC {values[0]:.4f}" for name, values in row.items()))


def ablations(options: argparse.Namespace) -> None:
    """Train and measure every ablation, and write the result files."""
    from engine.artifacts import save_result
    from engine.studies.ablations import run_ablations

    result, arrays = run_ablations(options.seeds, options.runs, options.epochs, _report)
    note(f"written: {save_result('ablations', result, arrays)}")
    _print_map(result["variants"])


def transfer(options: argparse.Namespace) -> None:
    """Leave each publisher of positives out, and write the result files."""
    from engine.artifacts import save_result
    from engine.studies.transfer import TRAININGS, run_transfer

    result, arrays = run_transfer(options.seed, options.runs, options.epochs, _report)
    note(f"written: {save_result('transfer', result, arrays)}")
    _print_map(result["inside"])
    for row in result["left_out"]:
        for training in TRAININGS:
            for network, values in row[training].items():
                figures = "  ".join(f"{name} {value[0]:.4f}" for name, value in values.items())
                print(f"{row['publisher']:<8} {training:<10} {network:<7} {figures}")


def _report(name: str, row: dict[str, float]) -> None:
    note_figures(row, f"{name}: ")


def _print_map(rows: dict[str, Any]) -> None:
    for name, tasks in rows.items():
        print(f"{name:<16} " + "  ".join(f"{task} mAP {figures['map'][0]:.4f}" for task, figures in tasks.items()))
