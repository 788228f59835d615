"""What the shipped recipe is worth: three seeds of it, without those who teach it, for two cores, and paper A's own.

All are measured on the test split after everything has been decided on the validation split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt

from engine.datasets import PAPER, DataError, data_hash, load_dataset
from engine.evaluation import average_precision
from engine.evaluation.bootstrap import DECIMALS
from engine.studies.ablations import BITS, asked_and_held, codes_of, report_ablations
from engine.studies.protocol import protocol
from engine.training.run import Run, train_method
from models.network import CODE_LENGTHS

Arrays = Mapping[str, npt.NDArray[Any]]
# A result file's data and its code file's arrays.
Measured = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]


@dataclass(frozen=True)
class Recipe:
    """One way to train MATDH.

    Attributes:
        title: Its name in tables.
        preset: Name in ``engine.training.config.PRESETS``.
        seed: Seed of weights, batches and views.
        variant: Name in ``VARIANTS``, if it changes something in the preset.
    """

    title: str
    preset: str
    seed: int = 0
    variant: str | None = None


RECIPES: dict[str, Recipe] = {
    "seed-0": Recipe("Ours, seed 0", "gpu"),
    "seed-1": Recipe("Ours, seed 1", "gpu", 1),
    "seed-2": Recipe("Ours, seed 2", "gpu", 2),
    "no-experts": Recipe("Ours without experts", "gpu", 0, "NoExperts"),
    "cpu": Recipe("Ours, preset covidx", "covidx"),
    "paper": Recipe("Paper A's recipe", "paper"),
}
SEEDS = ("seed-0", "seed-1", "seed-2")
# The seed with the best validation score: the encoder that the shipped one goes on from, models/weights/matdh-covidx.
SHIPPED = "seed-1"


def run_recipes(
    runs: Path,
    report: Callable[[str, dict[str, float]], None],
    names: Sequence[str] | None = None,
    earlier: Measured | None = None,
) -> Measured:
    """Train recipes and measure them on the test split; finished runs are read, stopped ones go on.

    Args:
        runs: Folder of runs.
        report: Called with the recipe's name and each epoch's figures.
        names: Which recipes; all of them for None.
        earlier: What this function returned before: the other recipes' facts and codes come from there.

    Returns:
        The result file's data and the code file's arrays.

    Raises:
        DataError: There is no such recipe, or the pictures are not on this machine or not the ones measured earlier.
    """
    dataset = load_dataset(PAPER.collection)
    parts, arrays = asked_and_held(dataset)
    facts = {} if earlier is None else _facts_of_same_pictures(earlier, data_hash(dataset))
    arrays = dict(arrays if earlier is None else earlier[1])
    for name in names or RECIPES:
        recipe = _recipe(name)
        run = train_method(
            "matdh", recipe.preset, recipe.seed, runs, None, partial(report, name), ablation=recipe.variant
        )
        facts[name] = _facts(name, run)
        for side, part in parts.items():
            arrays |= {f"{side}_{name}_{bits}": codes for bits, codes in codes_of(run, part).items()}
    result = {
        "protocol": protocol(*parts.values()) | {"bits": BITS},
        "shipped": SHIPPED,
        "seeds": list(SEEDS),
        "runs": facts,
        "recipes": report_recipes(arrays, tuple(RECIPES), dataset.classes),
    }
    return result, arrays


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise DataError(f"There is no recipe {name!r}: choose from {', '.join(RECIPES)}.")
    return RECIPES[name]


def _facts_of_same_pictures(earlier: Measured, data_sha256: str) -> dict[str, Any]:
    facts = dict(earlier[0]["runs"])
    if {run["data_sha256"] for run in facts.values()} != {data_sha256}:
        raise DataError("The stored recipes were measured on other pictures: measure all of them, without --only.")
    return facts


def _facts(name: str, run: Run) -> dict[str, Any]:
    return {
        "title": RECIPES[name].title,
        "preset": run.preset,
        "seed": run.config.seed,
        "config": run.config.as_dict(),
        "epochs_run": len(run.history),
        "validation_score": run.best_score,
        "teacher": run.teacher,
        "machine": run.machine,
        "data_sha256": run.data_sha256,
        "commit": run.commit,
    }


def report_recipes(arrays: Arrays, names: Sequence[str], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Report every recipe from stored codes.

    Args:
        arrays: ``query_labels``, ``gallery_labels``, and ``query_<name>_<bits>``, ``gallery_<name>_<bits>``.
        names: The recipes; the shipped one is what the others are compared with.
        classes: Class names, the positive one first.

    Returns:
        For each recipe the figures of both tasks at 48 bits, and under ``by_length`` the mAP at every length.
    """
    at_bits = {key: value for key, value in arrays.items() if key.endswith("labels")}
    for name in names:
        at_bits |= {f"{side}_{name}": arrays[f"{side}_{name}_{BITS}"] for side in ("query", "gallery")}
    rows = report_ablations(at_bits, names, classes, SHIPPED)
    for name in names:
        for task, answers in (("binary", PAPER.is_positive), ("three_class", lambda labels: labels)):
            asked, held = answers(arrays["query_labels"]), answers(arrays["gallery_labels"])
            rows[name][task]["by_length"] = {
                str(bits): round(
                    float(
                        average_precision(
                            arrays[f"query_{name}_{bits}"], asked, arrays[f"gallery_{name}_{bits}"], held
                        ).mean()
                    ),
                    DECIMALS,
                )
                for bits in CODE_LENGTHS
            }
    return rows
