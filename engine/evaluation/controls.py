"""Controls beside a headline: how much of it could come from something other than disease.

In COVIDx-like collections the label is nearly the publisher, so a high mAP may be a detector of hospitals (DeGrave
et al. 2021; Maguolo and Nanni 2021; Roberts et al. 2021). Every control is computed from stored arrays alone
(``models/results/<method>.npz``), so that a stored figure can be checked without pictures or a network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engine.evaluation.bootstrap import DECIMALS, paired_bootstrap
from engine.evaluation.hashing_report import NEIGHBOURS, report, report_tasks
from engine.evaluation.ranking import Matrix
from engine.evaluation.retrieval import average_precision, mean_average_precision, precision_curve
from engine.evaluation.vote import neighbour_vote

if TYPE_CHECKING:
    from engine.datasets import SplitAudit

Arrays = Mapping[str, npt.NDArray[Any]]
CONTROL_BITS = 48
RANDOM_SEEDS = 5
FIGURES = ("map", "p_at_1", "p_at_5", "p_at_10", "accuracy")


def report_controls(
    arrays: Arrays, classes: Sequence[str], bits: int = CONTROL_BITS, positive: int = 0
) -> dict[str, Any]:
    """Report every control that follows from codes, features, labels and publishers.

    Args:
        arrays: A code file's arrays. Read here: ``query_labels``, ``query_sources``, ``query_<bits>``,
            ``query_black_<bits>``, ``query_features`` and the same of ``gallery``.
        classes: Class names.
        bits: Code length of the controls.
        positive: The class that the binary task asks for.

    Returns:
        Plain data for a result file: ``source_only``, ``black_centre``, ``within_source``, ``random_codes`` and
        ``float_features``, each with ``what`` it is in a sentence.

    Raises:
        KeyError: An array is missing.
    """
    queries, gallery = _side(arrays, "query", bits), _side(arrays, "gallery", bits)
    return {
        "bits": bits,
        "source_only": source_only(queries, gallery, classes, positive),
        "black_centre": black_centre(queries, gallery, classes, positive),
        "within_source": within_source(queries, gallery, classes, positive),
        "random_codes": random_codes(queries, gallery, bits, positive=positive),
        "float_features": float_features(queries, gallery, classes, positive),
    }


def source_only(queries: Arrays, gallery: Arrays, classes: Sequence[str], positive: int = 0) -> dict[str, Any]:
    """Rank by publisher alone: pictures of the query's publisher are near, all others are far.

    Args:
        queries: ``sources`` ``(Q,)`` str and ``labels`` ``(Q,)`` int.
        gallery: The same of the gallery.
        classes: Class names.
        positive: The class that the binary task asks for.

    Returns:
        The figures of both tasks.

    Example:
        >>> one = {"sources": np.array(["a", "b"]), "labels": np.array([0, 1])}
        >>> source_only(one, one, ("positive", "negative"))["binary"]["map"]
        [1.0, 1.0, 1.0]
    """
    names = np.unique(gallery["sources"])
    codes = [np.packbits(side["sources"][:, None] == names, axis=1) for side in (queries, gallery)]
    return {
        "what": "No picture at all: whatever the query's publisher published is near, everything else is far.",
        **_tasks(codes[0], queries["labels"], codes[1], gallery["labels"], classes, positive),
    }


def black_centre(queries: Arrays, gallery: Arrays, classes: Sequence[str], positive: int = 0) -> dict[str, Any]:
    """Report what is still found with the lungs painted black, and the drop against whole pictures.

    Args:
        queries: ``codes`` and ``black_codes`` ``(Q, bits // 8)`` uint8, ``labels`` ``(Q,)`` int.
        gallery: The same of the gallery.
        classes: Class names.
        positive: The class that the binary task asks for.

    Returns:
        The figures of both tasks; ``drop`` is the loss of mAP that the lungs explain, paired over queries.
    """
    sides = queries["black_codes"], queries["labels"], gallery["black_codes"], gallery["labels"]
    tasks = _tasks(*sides, classes, positive)
    for name, labels in _task_labels(queries, gallery, positive).items():
        black, whole = (
            average_precision(queries[codes], labels[0], gallery[codes], labels[1])
            for codes in ("black_codes", "codes")
        )
        tasks[name]["drop"] = [round(end, DECIMALS) for end in paired_bootstrap(black, whole)[:3]]
    return {
        "what": "Lungs painted black in queries and gallery, hashed by the same network: what the rest gives away.",
        **tasks,
    }


def within_source(queries: Arrays, gallery: Arrays, classes: Sequence[str], positive: int = 0) -> dict[str, Any]:
    """Tell the negatives of their largest publisher apart, where knowing the publisher cannot help.

    Args:
        queries: ``codes`` ``(Q, bits // 8)`` uint8, ``labels`` ``(Q,)`` int, ``sources`` ``(Q,)`` str.
        gallery: The same of the gallery.
        classes: Class names.
        positive: The class that the binary task asks for.

    Returns:
        The figures of this one task, with the classes and how many pictures it has.
    """
    negative = [side["labels"] != positive for side in (queries, gallery)]
    sources, counts = np.unique(gallery["sources"][negative[1]], return_counts=True)
    source = sources[counts.argmax()]
    kept = [(side["sources"] == source) & other for side, other in zip((queries, gallery), negative, strict=True)]
    names = [name for number, name in enumerate(classes) if number != positive]
    # Numbers of the classes that are left, which are numbered without the positive one.
    numbers = np.cumsum(np.arange(len(classes)) != positive) - 1
    figures = report(
        queries["codes"][kept[0]],
        numbers[queries["labels"][kept[0]]],
        gallery["codes"][kept[1]],
        numbers[gallery["labels"][kept[1]]],
        names,
    )
    return {
        "what": f"{' against '.join(names)}, all from one publisher: the source cannot help.",
        "source": str(source),
        "classes": names,
        "query_count": int(kept[0].sum()),
        "gallery_count": int(kept[1].sum()),
        "only": _pick(figures),
    }


def random_codes(
    queries: Arrays, gallery: Arrays, bits: int, seeds: int = RANDOM_SEEDS, positive: int = 0
) -> dict[str, Any]:
    """Report chance: codes drawn at random, several times.

    Args:
        queries: ``labels`` ``(Q,)`` int.
        gallery: The same of the gallery.
        bits: Code length.
        seeds: How often to draw.
        positive: The class that the binary task asks for.

    Returns:
        The figures of both tasks, ``[mean, lowest, highest]`` over the draws.
    """
    draws = [_random_figures(queries, gallery, bits, seed, positive) for seed in range(seeds)]
    return {
        "what": f"Random codes: chance. Mean, lowest and highest of {seeds} draws.",
        "seeds": seeds,
        **{task: {name: _spread([draw[task][name] for draw in draws]) for name in draws[0][task]} for task in draws[0]},
    }


def float_features(queries: Arrays, gallery: Arrays, classes: Sequence[str], positive: int = 0) -> dict[str, Any]:
    """Report the same encoder's features ranked by Euclidean distance: what thresholding to bits costs or gains.

    Args:
        queries: ``features`` ``(Q, D)`` float, ``labels`` ``(Q,)`` int.
        gallery: The same of the gallery.
        classes: Class names.
        positive: The class that the binary task asks for.

    Returns:
        The figures of both tasks.
    """
    return {
        "what": f"The encoder's features instead of bits ({queries['features'].shape[1]} principal components).",
        **_tasks(queries["features"], queries["labels"], gallery["features"], gallery["labels"], classes, positive),
    }


def describe_audit(audit: "SplitAudit") -> dict[str, Any]:
    """Return a split audit as plain data for a result file."""
    return {
        "what": "No patient, no file and no near-copy may stand on both sides of a split.",
        "ok": audit.ok,
        **asdict(audit),
    }


def _side(arrays: Arrays, side: str, bits: int) -> dict[str, npt.NDArray[Any]]:
    return {
        "labels": arrays[f"{side}_labels"],
        "sources": arrays[f"{side}_sources"],
        "codes": arrays[f"{side}_{bits}"],
        "black_codes": arrays[f"{side}_black_{bits}"],
        "features": arrays[f"{side}_features"],
    }


def _task_labels(
    queries: Arrays, gallery: Arrays, positive: int
) -> dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    every = queries["labels"], gallery["labels"]
    return {"binary": (every[0] != positive, every[1] != positive), "three_class": every}


def _tasks(
    queries: Matrix,
    query_labels: npt.NDArray[Any],
    gallery: Matrix,
    gallery_labels: npt.NDArray[Any],
    classes: Sequence[str],
    positive: int,
) -> dict[str, Any]:
    figures = report_tasks(queries, query_labels, gallery, gallery_labels, classes, positive)
    return {task: _pick(values) for task, values in figures.items()}


def _pick(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in FIGURES}


def _random_figures(
    queries: Arrays, gallery: Arrays, bits: int, seed: int, positive: int
) -> dict[str, dict[str, float]]:
    draw = np.random.default_rng(seed)
    codes = [draw.integers(0, 256, (len(side["labels"]), bits // 8), np.uint8) for side in (queries, gallery)]
    figures = {}
    for task, labels in _task_labels(queries, gallery, positive).items():
        ranking = (codes[0], labels[0], codes[1], labels[1])
        precision = precision_curve(*ranking, n=NEIGHBOURS).mean(axis=0)
        figures[task] = {
            "map": mean_average_precision(*ranking),
            **{f"p_at_{n}": float(precision[n - 1]) for n in (1, 5, 10)},
            "accuracy": float(np.mean(neighbour_vote(codes[0], codes[1], labels[1], k=NEIGHBOURS) == labels[0])),
        }
    return figures


def _spread(values: Sequence[float]) -> list[float]:
    return [round(float(value), DECIMALS) for value in (np.mean(values), min(values), max(values))]
