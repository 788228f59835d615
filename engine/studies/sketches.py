"""What masked sketches tell a server beyond masked codes: guesses at label, source and patient of the built-in gallery.

A server orders equal codes by sketches (``engine.retrieval.sketches``). Masks keep distances, so whoever knows the
facts of some rows guesses those of the others from the nearest known one. Here it knows a tenth, drawn 20 times, and
guesses from codes, from sketches, or from both. Codes and descriptors are shipped; no network is needed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.attacks.codes import clusters, purity
from engine.attacks.outcome import blind
from engine.datasets import load_dataset
from engine.evaluation import neighbour_vote
from engine.evaluation.bootstrap import DECIMALS, interval, paired_bootstrap
from engine.evaluation.unseen import kin_among
from engine.hashing.codebook import load_book
from engine.retrieval import CodeMask
from engine.retrieval.sketches import SKETCH_BITS, sketches_of
from engine.studies.attacks.subjects import study_key

RESULT = "sketches"
METHOD = "matdh"
BITS = 48
SEEDS = 20
KNOWN = 0.1
HELD = ("codes", "sketches", "both")
FACTS = ("label", "source")

Arrays = Mapping[str, npt.NDArray[Any]]
Codes = npt.NDArray[np.uint8]


def measure_sketches() -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Take the built-in gallery's codes and sketches, and report what a server guesses from them.

    Returns:
        The result file's data, and the arrays that :func:`report_sketches` makes its figures of.

    Raises:
        DataError: The gallery's pictures are not here.
    """
    dataset = load_dataset("gallery")
    codes, descriptors = load_book(METHOD).hasher(BITS).describe([dataset.load(i) for i in range(len(dataset))])
    arrays = {
        "codes": codes,
        "sketches": sketches_of(descriptors),
        "label": dataset.labels,
        "source": np.unique([record.source for record in dataset.records], return_inverse=True)[1],
        "patient": np.unique([record.group for record in dataset.records], return_inverse=True)[1],
    }
    result = {
        "method": METHOD,
        "protocol": f"{len(dataset)} pictures of the built-in gallery, {len(dataset.classes)} labels, "
        f"{arrays['source'].max() + 1} sources; masked codes of {BITS} bits, masked sketches of {SKETCH_BITS}, or "
        f"both, their distances added; guesses: the nearest known row's, {KNOWN:.0%} known, {SEEDS} draws, interval "
        "over draws; groups: k-means, as many as labels or sources; patient: is the nearest other row of the same "
        "patient, nothing known? Interval of these two: over pictures",
        "held": list(HELD),
        "provenance": provenance(dataset, METHOD),
        **report_sketches(arrays),
    }
    return result, arrays


def report_sketches(arrays: Arrays) -> dict[str, Any]:
    """Report what a server guesses, from stored arrays.

    Args:
        arrays: ``codes`` ``(N, 6)`` and ``sketches`` ``(N, 24)`` uint8, not masked; ``label``, ``source`` and
            ``patient`` ``(N,)`` int64, the truth, which only the judge sees.

    Returns:
        ``facts``: for label and source ``chance``, what is ``guessed`` and grouped (``purity``) from codes, sketches
        and both, and how much ``more`` is guessed from both than from codes alone, on the same draws. ``patient``: the
        share of pictures whose nearest row is another one of the patient, likewise, and of how many ``pictures``.
    """
    held = masked_rows(arrays["codes"], arrays["sketches"])
    return {
        "facts": {name: _report_fact(held, arrays[name]) for name in FACTS},
        "patient": _report_patient(held, arrays["patient"]),
    }


def masked_rows(codes: Codes, sketches: Codes) -> dict[str, Codes]:
    """Return what the server holds of each row: its code and its sketch, each under a mask of its own, and both."""
    masked = [
        CodeMask.derive(study_key("mask"), salt=salt, bits=8 * rows.shape[1]).apply(rows)
        for salt, rows in ((b"code", codes), (b"sketch", sketches))
    ]
    return dict(zip(HELD, [*masked, np.hstack(masked)], strict=True))


def guess_facts(
    masked: Codes, truth: npt.NDArray[np.int64], known: float = KNOWN, seeds: int = SEEDS
) -> npt.NDArray[np.float64]:
    """Give every row the fact of its nearest known row; where several are as near, the commonest of theirs.

    Args:
        masked: ``(N, bits // 8)`` uint8.
        truth: ``(N,)`` int64.
        known: Share of the rows whose fact is known, at least one row.
        seeds: How often the known rows are drawn.

    Returns:
        ``(seeds,)`` float64, share of the other rows that come out right.

    Example:
        >>> rows = np.repeat(np.array([[0], [255]], np.uint8), 50, axis=0)
        >>> guess_facts(rows, np.repeat([4, 7], 50), seeds=2).tolist()
        [1.0, 1.0]
    """
    shares = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(truth))
        told, others = np.split(order, [max(1, int(known * len(truth)))])
        guesses = neighbour_vote(masked[others], masked[told], truth[told], k=1)
        shares.append(float(np.mean(guesses == truth[others])))
    return np.array(shares)


def _report_fact(held: Mapping[str, Codes], truth: npt.NDArray[np.int64]) -> dict[str, Any]:
    guessed = {name: guess_facts(rows, truth) for name, rows in held.items()}
    count = len(np.unique(truth))
    rows = {
        name: {"guessed": interval(guessed[name]), "purity": interval(purity(clusters(rows, count), truth).correct)}
        for name, rows in held.items()
    }
    return {"chance": round(blind(truth), DECIMALS), **rows, "more": _more(guessed)}


def _report_patient(held: Mapping[str, Codes], patients: npt.NDArray[np.int64]) -> dict[str, Any]:
    kin, same = patients[:, None] == patients, np.eye(len(patients), dtype=bool)
    others = (kin & ~same).sum(axis=1)
    asking = others > 0
    found = {name: kin_among(rows, rows, kin, same, depth=1) for name, rows in held.items()}
    return {
        "pictures": int(asking.sum()),
        "chance": round(float(others[asking].mean() / (len(patients) - 1)), DECIMALS),
        **{name: interval(chances) for name, chances in found.items()},
        "more": _more(found),
    }


def _more(shares: Mapping[str, npt.NDArray[np.float64]]) -> list[float]:
    """What sketches add for a server that has the codes anyway."""
    return [round(end, DECIMALS) for end in paired_bootstrap(shares["codes"], shares["both"])[:3]]
