"""``evaluate``: recompute a method's figures from pictures."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from engine.commands.console import note, progress
from engine.errors import VaultError

if TYPE_CHECKING:
    from engine.datasets import Dataset

_HASHING = ("map", "p_at_1", "p_at_5", "p_at_10", "precision_within_2", "accuracy")
_CLASSIFYING = ("accuracy", "map", "p_at_1", "p_at_5", "p_at_10")


def add_parser(commands: Any) -> None:
    """Add ``evaluate`` to the commands."""
    from engine.encrypted_search.networks import METHODS as CLASSIFIERS
    from engine.encrypted_search.setting import POLICIES
    from engine.hashing import METHODS
    from engine.studies.encrypted_search.measurement import QUANTIZATIONS

    evaluating = commands.add_parser("evaluate", help="measure a method", description="Measure a shipped method.")
    evaluating.add_argument(
        "--method", choices=(*METHODS, *CLASSIFIERS), default="matdh", help="method (default: %(default)s)"
    )
    evaluating.add_argument("--bits", type=int, default=48, help="code length to print (default: %(default)s)")
    evaluating.add_argument("--json", action="store_true", help="print JSON")
    evaluating.add_argument("--save", action="store_true", help="write models/results, all code lengths (matdh)")
    evaluating.add_argument(
        "--protocol",
        choices=("papers", "unseen"),
        default="papers",
        help="test pictures ask the training split as in the papers, or pictures that nothing was trained on, "
        "each without its own patient, over every source (default: %(default)s)",
    )
    evaluating.add_argument("--task", help="with unseen: labels and collection, cxr or covidx (default: cxr)")
    encrypted = evaluating.add_argument_group("vgg16 and vit, on anatomy pictures")
    encrypted.add_argument("--block-size", default="8", help='block size, or "plain" (default: %(default)s)')
    encrypted.add_argument("--key-policy", choices=POLICIES, default="shared", help="keys (default: %(default)s)")
    encrypted.add_argument(
        "--quantize", choices=QUANTIZATIONS, default="none", help="quantization mode (default: %(default)s)"
    )
    encrypted.add_argument(
        "--as",
        dest="way",
        choices=("ours", "paper", "nearest"),
        default="ours",
        help="our network, recomputed from pictures; paper B's on cipher pixels, or no network but the nearest cipher "
        "picture, recomputed from stored answers (default: %(default)s)",
    )
    evaluating.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Recompute a method's figures from pictures."""
    from engine.encrypted_search.networks import METHODS as CLASSIFIERS

    if options.protocol == "unseen":
        _evaluate_unseen(options)
        return
    if options.task:
        raise VaultError("--task belongs to --protocol unseen: give both.")
    if options.save and options.method != "matdh":
        raise VaultError(
            "Only matdh has a result file of its own: `python -m engine baselines` writes the other hashing methods', "
            "`python -m engine encrypted-search` that of vgg16 and vit."
        )
    if options.method in CLASSIFIERS:
        result, shown = _evaluate_classifier(options)
    else:
        result, shown = _evaluate_hashing(options)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for task, values, names in shown:
        for name in names:
            # Without bits there is no Hamming ball.
            if name in values:
                mean, low, high = values[name]
                print(f"{task:<12} {name:<20} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def _evaluate_hashing(options: argparse.Namespace) -> tuple[dict[str, Any], list[Any]]:
    from engine.datasets import PAPER, load_dataset
    from engine.studies.baseline_figures import evaluate_baseline

    dataset = load_dataset(PAPER.collection)
    if options.method == "matdh":
        result = _evaluate_matdh(options, dataset)
    else:
        result = evaluate_baseline(options.method, options.bits, dataset, lambda *done: progress("prepared", *done))
    shown = [(task, values, _HASHING) for tasks in result["bits"].values() for task, values in tasks.items()]
    return result, shown


def _evaluate_unseen(options: argparse.Namespace) -> None:
    from engine.artifacts import save_result
    from engine.datasets import find_task
    from engine.hashing import CODE_METHODS, Hasher
    from engine.studies.unseen import RESULT, measure_unseen

    if options.method not in CODE_METHODS:
        raise VaultError("Only hashing methods have codes to ask an unseen gallery with: choose one of them.")
    hasher, task = Hasher.load(options.bits, options.method), find_task(options.task or "cxr")
    result, arrays = measure_unseen(hasher, task, lambda done, total: progress("hashed", done, total), options.method)
    if options.save:
        note(f"written: {save_result(f'{options.method}-{RESULT}', result, arrays)}")
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for scope, rows in result["scopes"].items():
        for protocol, row in rows.items():
            for name, values in (*row["by_length"][str(options.bits)].items(), ("auc", row["auc"])):
                mean, low, high = values
                print(f"{scope:<12} {protocol:<11} {name:<8} {mean:.4f}  [{low:.4f}, {high:.4f}]")


def _evaluate_classifier(options: argparse.Namespace) -> tuple[dict[str, Any], list[Any]]:
    from engine.studies.encrypted_search.measurement import evaluate_setting

    plain = options.block_size == "plain"
    setting = "plain" if plain else f"{options.key_policy}-{options.block_size}"
    if options.way != "ours":
        result = _stored_cell(options, setting)
        return result, [(setting, result, _CLASSIFYING)]
    result = evaluate_setting(options.method, setting, options.quantize, lambda *done: progress("classified", *done))
    return result, [(setting, result, _CLASSIFYING)]


def _stored_cell(options: argparse.Namespace, setting: str) -> dict[str, Any]:
    from engine.studies.encrypted_pixels import stored_cell

    if options.quantize != "none":
        raise VaultError("Only our networks were quantized: leave --quantize out, or choose --as ours.")
    return stored_cell(options.way, options.method, setting)


def _evaluate_matdh(options: argparse.Namespace, dataset: "Dataset") -> dict[str, Any]:
    from engine.artifacts import save_result
    from engine.hashing import Hasher
    from engine.studies.retrieval import evaluate_method

    # Refused now, and not after minutes of measuring.
    Hasher.load(options.bits)
    result, arrays = evaluate_method("matdh", dataset, lambda done, total: progress("hashed", done, total))
    if options.save:
        note(f"written: {save_result('matdh', result, arrays)}")
    bits = str(options.bits)
    return {**result, "bits": {bits: result["bits"][bits]}}
