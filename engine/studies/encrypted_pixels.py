"""What finds pictures by the cipher's own pixels: paper B's classifier as printed, and no network at all.

Unlike the shipped networks, which read what no key changes, these see the cipher picture. Stored answers are enough to
compute every figure again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from engine.artifacts import find_result, provenance
from engine.datasets import load_dataset
from engine.encrypted_search import nearest
from engine.encrypted_search.paper_recipe import (
    RECIPE,
    PaperRecipe,
    base_features,
    paper_network,
    predict_dense,
    train_dense,
)
from engine.encrypted_search.pictures import COLLECTION, Split, load_split
from engine.encrypted_search.setting import SETTINGS, Setting, SettingError
from engine.errors import VaultError
from engine.evaluation.bootstrap import interval
from engine.evaluation.distances import pairwise_distances
from engine.studies.encrypted_search.figures import CAVEAT, Arrays, classified, known
from engine.studies.protocol import INTERVAL_POLICY
from engine.studies.steps import Steps
from engine.training.run import imagenet_file

NAME = "encrypted_pixels"
WAYS = ("paper", "nearest")
SEED = 0
HOW = {
    "paper": "paper B's VGG-16 trained and tested on cipher pixels: ImageNet base frozen, dense layers by Adam 0.001, "
    "batch 32, 100 epochs, the last epoch's weights; Euclidean distance of the second dense layer",
    "nearest": "no network: Hamming distance of the cipher pictures' bits, the five nearest training pictures vote",
}
Progress = Callable[[int, int], None]


def measure(
    way: str, progress: Progress, steps: Steps | None = None, settings: Sequence[str] = ()
) -> tuple[dict[str, Any], Arrays]:
    """Measure settings in one way.

    Args:
        way: ``"paper"`` or ``"nearest"``.
        progress: Called with (settings done, settings in all).
        steps: Keeps each setting's answers for a run that is stopped.
        settings: Their names (``Setting.name``); all of them when empty.

    Returns:
        The result file's data and the answers file's arrays.

    Raises:
        DataError: The anatomy pictures are not on this machine.
        SettingError: There is no setting of a name.
        VaultError: ImageNet's base is not on this machine, and the way needs it.
    """
    chosen = [Setting.named(name) for name in settings] or list(SETTINGS)
    queries, gallery, steps = load_split("test"), load_split("train"), steps or Steps()
    arrays = known(queries, gallery)
    for done, setting in enumerate(chosen, start=1):
        found = steps.once(f"{way}-{setting.name}", partial(answer, way, setting, queries, gallery), ())
        arrays |= {f"{way}/{setting.name}/{name}": values for name, values in found.items()}
        progress(done, len(chosen))
    cells = [cell_figures(arrays, way, setting.name) for setting in chosen]
    ways = {way: {"how": HOW[way], "provenance": _provenance(way)}}
    return {"protocol": _protocol(queries, gallery), "ways": ways, "cells": cells}, arrays


def answer(way: str, setting: Setting, queries: Split, gallery: Split, recipe: PaperRecipe = RECIPE) -> Arrays:
    """Let one way answer for every test picture of a setting.

    Args:
        way: ``"paper"`` or ``"nearest"``.
        setting: How both sides are encrypted.
        queries: Test pictures.
        gallery: Training pictures.
        recipe: Of the paper's way.

    Returns:
        ``predicted`` ``(Q,)``, ``nearest`` ``(Q, 10)``, ``average_precision`` ``(Q,)``; of the paper's way ``loss`` and
        ``train_accuracy`` of each epoch.
    """
    asked, held = (setting.encrypt(split.images, split.ids) for split in (queries, gallery))
    if way == "nearest":
        ranking = nearest.rank(nearest.hamming_bits(asked, held), queries.labels, gallery.labels)
        voters = gallery.labels[ranking.nearest[:, : nearest.VOTERS]]
        return {"predicted": nearest.vote(voters, len(queries.classes)), **_stored(ranking)}
    network = paper_network(_base(), recipe, SEED)
    seen, known_features = (base_features(network, side) for side in (asked, held))
    history = train_dense(network, known_features, gallery.labels, recipe, SEED)
    found, kept = predict_dense(network, seen), predict_dense(network, known_features)
    ranking = nearest.rank(pairwise_distances(found.features, kept.features), queries.labels, gallery.labels)
    told = {name: np.array(values, np.float32) for name, values in history.items()}
    return {"predicted": found.labels.astype(np.uint8), **_stored(ranking), **told}


def cell_figures(arrays: Mapping[str, np.ndarray], way: str, setting: str) -> dict[str, Any]:
    """Compute a cell's figures from stored answers; intervals are 95 % bootstrap over pictures."""
    chosen, cell = Setting.named(setting), f"{way}/{setting}"
    relevant = arrays["gallery_labels"][arrays[f"{cell}/nearest"]] == arrays["labels"][:, None]
    figures = {
        "as": way,
        "method": "vgg16" if way == "paper" else None,
        "setting": setting,
        "block_size": chosen.block_size,
        "policy": chosen.policy if chosen.block_size else None,
        **classified(arrays["labels"], arrays[f"{cell}/predicted"], arrays["classes"]),
        "map": interval(arrays[f"{cell}/average_precision"]),
        **{f"p_at_{depth}": interval(relevant[:, :depth].mean(axis=1)) for depth in (1, 5, 10)},
    }
    if f"{cell}/loss" in arrays:
        figures["last_epoch"] = {
            name: round(float(arrays[f"{cell}/{name}"][-1]), 6) for name in ("loss", "train_accuracy")
        }
    return figures


def stored() -> tuple[dict[str, Any], Arrays]:
    """Read the result file and its answers; both empty where nothing was measured yet."""
    return find_result(NAME) or ({"cells": [], "ways": {}}, {})


def stored_cell(way: str, method: str, setting: str) -> dict[str, Any]:
    """Compute a measured cell's figures again from its stored answers.

    Args:
        way: ``"paper"`` or ``"nearest"``.
        method: ``"vgg16"`` or ``"vit"``; the nearest cipher picture needs none, so it is the same for both.
        setting: ``Setting.name``.

    Raises:
        SettingError: It was not measured.
    """
    Setting.named(setting)
    result, arrays = stored()
    if way == "paper" and method != "vgg16":
        raise SettingError(
            f"Paper B's {method} was not trained as printed: only vgg16 was; choose --as ours for {method}."
        )
    if f"{way}/{setting}/predicted" not in arrays:
        raise SettingError(
            f'"{setting}" was not measured as "{way}": run `python -m engine encrypted-search --as {way}`.'
        )
    return {**cell_figures(arrays, way, setting), "protocol": result["protocol"], **result["ways"][way]}


def joined(result: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Add the cells that were measured before and not now, if it was on the same pictures."""
    old, answers = stored()
    now = next(iter(result["ways"].values()))["provenance"]["data_sha256"]
    kept = {way: facts for way, facts in old["ways"].items() if facts["provenance"]["data_sha256"] == now}
    ways = {way: (kept | result["ways"])[way] for way in WAYS if way in kept | result["ways"]}
    order = [(way, setting.name) for way in WAYS for setting in SETTINGS]
    measured = {(cell["as"], cell["setting"]): cell for cell in old["cells"] if cell["as"] in kept}
    measured |= {(cell["as"], cell["setting"]): cell for cell in result["cells"]}
    cells = [measured[cell] for cell in order if cell in measured]
    return {**result, "ways": ways, "cells": cells}, (answers if kept else {}) | arrays


def _stored(ranking: nearest.Ranking) -> Arrays:
    return {"nearest": ranking.nearest, "average_precision": ranking.average_precision}


def _base() -> Any:
    base = imagenet_file()
    if not base.exists():
        raise VaultError(
            f"VGG-16's ImageNet base is not here: put it at {base}, or name its folder in CXR_VAULT_PRETRAINED."
        )
    return base


def _protocol(queries: Split, gallery: Split) -> dict[str, Any]:
    counts = {"query_count": len(queries.labels), "gallery_count": len(gallery.labels)}
    return {"dataset": COLLECTION, **counts, "caveat": CAVEAT, "interval": INTERVAL_POLICY}


def _provenance(way: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"recipe": asdict(RECIPE), "seed": SEED} if way == "paper" else {}
    return provenance(load_dataset(COLLECTION), **facts)
