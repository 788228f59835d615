"""How alike a query and its results look: paper B's future work, the encrypted path beside the plain one.

A class is right or wrong; these say how much the pictures that are returned resemble the query, as pictures (SSIM) and
to a network (distance of features of the VGG-16 that was trained in the clear). The neighbours are those of stored
answers, so only the pictures are needed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.artifacts import ArtifactError, find_result, provenance
from engine.datasets import load_dataset
from engine.encrypted_search.pictures import COLLECTION, Split, load_split
from engine.encrypted_search.setting import SETTINGS
from engine.evaluation.bootstrap import interval
from engine.evaluation.cipher_quality import ssim
from engine.evaluation.distances import pairwise_distances
from engine.studies.encrypted_search.figures import Arrays
from engine.studies.protocol import INTERVAL_POLICY

NAME = "likeness"
RESULTS_SEEN = 5
SEED = 0
PROTOCOL = {
    "dataset": COLLECTION,
    "results": f"the {RESULTS_SEEN} nearest training pictures of every test picture",
    "ssim": "structural similarity of query and result, 64 x 64 pixels, in the clear",
    "feature_distance": "Euclidean distance of query and result in the features of vgg16-plain, divided by its mean "
    "over all pairs",
    "random": "training pictures drawn at random instead of found",
    "interval": INTERVAL_POLICY,
}
Progress = Callable[[int, int], None]


def measure(progress: Progress) -> tuple[dict[str, Any], Arrays]:
    """Measure how alike queries and results are, for every reader and setting.

    Args:
        progress: Called with (readers and settings done, in all).

    Returns:
        The result file's data; by ``"reader/setting"`` ``ssim`` and ``feature_distance`` ``(Q,)`` of each query.

    Raises:
        DataError: The anatomy pictures are not on this machine.
        ArtifactError: The answers have not been measured.
    """
    queries, gallery = load_split("test"), load_split("train")
    found = neighbours(len(queries.labels), len(gallery.labels))
    distances = _feature_distances()
    known: dict[bytes, Arrays] = {}
    arrays: Arrays = {}
    for done, (name, nearest) in enumerate(found.items(), start=1):
        # Under one key the nearest cipher picture is the nearest picture, and our networks read no key: met before.
        seen = nearest.tobytes()
        if seen not in known:
            known[seen] = likeness(queries, gallery, nearest, distances)
        arrays |= {f"{name}/{figure}": values for figure, values in known[seen].items()}
        progress(done, len(found))
    facts = {"protocol": PROTOCOL, "provenance": provenance(load_dataset(COLLECTION))}
    return {**facts, "cells": summarise(arrays)}, arrays


def neighbours(queries: int, gallery: int) -> Arrays:
    """Return whom each reader finds in each setting, ``(Q, 5)`` positions, by ``"reader/setting"``.

    Raises:
        ArtifactError: The answers have not been measured.
    """
    ours, pixels = _answers("encrypted_search"), _answers("encrypted_pixels")
    found = {"random/plain": np.random.default_rng(SEED).integers(0, gallery, (queries, RESULTS_SEEN))}
    for method in ("vgg16", "vit"):
        for setting in SETTINGS:
            cell = f"{method}/{setting.name}"
            distances = pairwise_distances(
                *(ours[f"{cell}/{side}"].astype(np.float32) for side in ("queries", "gallery"))
            )
            found[cell] = np.argsort(distances, axis=1, kind="stable")[:, :RESULTS_SEEN]
    stored = [name.removesuffix("/nearest") for name in pixels if name.endswith("/nearest")]
    return found | {name: pixels[f"{name}/nearest"][:, :RESULTS_SEEN].astype(np.int64) for name in stored}


def likeness(queries: Split, gallery: Split, nearest: np.ndarray, distances: np.ndarray) -> Arrays:
    """Measure each query against its results.

    Args:
        queries: Test pictures.
        gallery: Training pictures.
        nearest: ``(Q, k)`` positions in the gallery.
        distances: ``(Q, G)`` of features.

    Returns:
        ``ssim`` and ``feature_distance``, ``(Q,)`` float32, means over the k results.
    """
    pairs = zip(queries.images, nearest, strict=True)
    alike = [np.mean([ssim(image, gallery.images[position]) for position in row]) for image, row in pairs]
    apart = np.take_along_axis(distances, nearest, axis=1).mean(axis=1)
    return {"ssim": np.array(alike, np.float32), "feature_distance": apart.astype(np.float32)}


def summarise(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Make the cells of the result file from each query's values, and compare each with the plain path."""
    cells = []
    for name in dict.fromkeys(key.rsplit("/", 1)[0] for key in arrays):
        reader, setting = name.split("/")
        whole = "nearest" if reader == "random" else reader
        values = {figure: arrays[f"{name}/{figure}"] for figure in ("ssim", "feature_distance")}
        plain = arrays.get(f"{whole}/plain/ssim")
        cells.append(
            {
                "reader": reader,
                "setting": setting,
                **{figure: interval(found) for figure, found in values.items()},
                "ssim_against_plain": None if plain is None else interval(values["ssim"] - plain),
            }
        )
    return cells


def _feature_distances() -> np.ndarray:
    """Distances ``(Q, G)`` in the features of the network trained in the clear, 1 for a random pair."""
    answers = _answers("encrypted_search")
    sides = (answers[f"vgg16/plain/{side}"].astype(np.float32) for side in ("queries", "gallery"))
    distances = pairwise_distances(*sides)
    return distances / distances.mean()


def _answers(name: str) -> Arrays:
    found = find_result(name)
    if found is None:
        raise ArtifactError(
            f"The answers {name} are not here: run `python -m engine encrypted-search` and its --as nearest."
        )
    return found[1]
