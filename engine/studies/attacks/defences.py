"""Three ways to make codes tell less, each attacked, and with its cost: other masks, decoys, coarser answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.attacks.codes import clusters, match_by_distances, purity, recover_mask
from engine.attacks.defences import codes_from_distances, crossed_decoys, random_decoys, recover_doubtful
from engine.attacks.gallery_codes import label_by_one_known
from engine.hashing.codes import hamming_distances, unpack_bits
from engine.retrieval import CodeMask
from engine.retrieval.stores.base import ID_BYTES, SKETCH_BYTES
from engine.studies.attacks.codes import BITS, METHOD, stored_codes, study_mask
from engine.studies.attacks.subjects import Progress
from engine.studies.attacks.values import DIGITS

DRAWS, NEAREST = 20, 10
DECOYS_A_ROW, WIDTHS, QUESTIONS, TARGETS = (1, 3), (1, 4, 8, 16), (48, 96, 384), 100
ORDER = "order alone"
DRAWN = {"random bits": random_decoys, "crossed": crossed_decoys}
Codes = npt.NDArray[np.uint8]


def defences_study(progress: Progress) -> dict[str, Any]:
    """Attack all three, on codes of test pictures that the encoder was not trained on.

    Raises:
        AttackError: the method's code file is missing.
    """
    codes, labels, gallery, gallery_labels, classes = stored_codes()
    masks = _masks(codes)
    progress(1, 3)
    decoys = _decoys(codes, labels)
    progress(2, 3)
    coarser = _coarser(codes, labels, gallery, gallery_labels)
    progress(3, 3)
    return {
        "protocol": f"{METHOD}, {BITS} bits, {len(codes)} test pictures ({'/'.join(classes)}); masks: share of codes "
        f"unmasked after a user told its own, {DRAWS} draws; decoys: purity and one known of real rows, as of the "
        f"gallery without; fetched: rows to fetch for {NEAREST} real ones; coarser: share of bits of {TARGETS} codes "
        f"that a user works out from answers to random questions; kept: of the {NEAREST} nearest of {len(gallery)} "
        "training pictures what is still found; right: share of what is found that has the query's label",
        "masks": masks,
        "decoys": decoys,
        "coarser": coarser,
    }


def _masks(codes: Codes) -> list[dict[str, Any]]:
    """Unmask a gallery after one user has told its mask, for each way of giving masks out."""
    each = codes.shape[1] + SKETCH_BYTES + ID_BYTES
    ways: tuple[tuple[str, Callable[[Codes, np.random.Generator, CodeMask], float], int], ...] = (
        ("one mask for all users", _told, 0),
        ("a mask a user or an epoch, rows keep their ids", _linked_by_id, each),
        ("a mask a user, rows under other ids and sealed again", _linked_by_distances, each),
    )
    rows = []
    for way, unmask, cost in ways:
        found = [unmask(codes, np.random.default_rng(draw), study_mask(draw)) for draw in range(DRAWS)]
        rows.append({"way": way, "unmasked": np.array(found), "bytes_a_user": cost})
    return rows


def _told(codes: Codes, rng: np.random.Generator, mask: CodeMask) -> float:
    return float((mask.remove(mask.apply(codes)) == codes).all(axis=1).mean())


def _linked_by_id(codes: Codes, rng: np.random.Generator, mask: CodeMask) -> float:
    masked = mask.apply(codes)
    return float((recover_mask(codes, masked).remove(masked) == codes).all(axis=1).mean())


def _linked_by_distances(codes: Codes, rng: np.random.Generator, mask: CodeMask) -> float:
    """Rows stand in another order and are told apart by their distances to all others."""
    order = rng.permutation(len(codes))
    masked = mask.apply(codes[order])
    found = recover_doubtful(codes[match_by_distances(masked, codes)], masked)
    return float((found.remove(masked) == codes[order]).all(axis=1).mean())


def _decoys(codes: Codes, labels: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Group a gallery and label it by one known picture a class, with decoys among its rows."""
    rows, rng, classes = [], np.random.default_rng(0), len(np.unique(labels))
    for drawn, count in [("none", 0), *((drawn, count) for drawn in DRAWN for count in DECOYS_A_ROW)]:
        added = DRAWN[drawn](codes, count * len(codes), rng) if count else codes[:0]
        whole = np.concatenate([codes, added])
        groups = clusters(study_mask(0).apply(whole), classes)[: len(codes)]
        rows.append(
            {
                "drawn": drawn,
                "decoys": count,
                "purity": purity(groups, labels).correct,
                "one_known": label_by_one_known(codes, labels),
                "fetched": _fetched(codes, whole),
                "rows": 1 + count,
            }
        )
    return rows


def _fetched(codes: Codes, whole: Codes) -> npt.NDArray[np.float64]:
    """Rows to fetch until ten real ones are among them, for each real picture that asks, itself left out."""
    order = np.argsort(hamming_distances(codes, whole), axis=1, kind="stable")
    order = order[order != np.arange(len(codes))[:, None]].reshape(len(codes), -1)
    return (np.cumsum(order < len(codes), axis=1) < NEAREST).sum(axis=1) + 1.0


def _coarser(
    codes: Codes, labels: npt.NDArray[np.int64], gallery: Codes, gallery_labels: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Let a user work codes out from coarser distances, and search by them."""
    rng = np.random.default_rng(0)
    targets = gallery[rng.choice(len(gallery), min(TARGETS, len(gallery)), replace=False)]
    asked = rng.integers(0, 256, (max(QUESTIONS), codes.shape[1]), np.uint8)
    exact = hamming_distances(codes, gallery)
    best = np.argsort(exact, axis=1, kind="stable")[:, :NEAREST]
    rows = []
    for width in (*WIDTHS, ORDER):
        near = np.argsort(_coarse(exact, width), axis=1, kind="stable")[:, :NEAREST]
        told = _coarse(hamming_distances(asked, targets), width)
        learned = {str(count): _bits_right(asked[:count], told[:count], targets) for count in QUESTIONS}
        kept = np.array([np.isin(row, other).mean() for row, other in zip(near, best, strict=True)])
        right = (gallery_labels[near] == labels[:, None]).mean(axis=1)
        rows.append({"told": width, "bits": learned, "kept": kept, "right": right})
    return rows


def _coarse(distances: npt.NDArray[Any], width: int | str) -> npt.NDArray[np.float64]:
    """What a user is told of distances ``(Q, N)``: multiples of a width, or each row's place alone."""
    if isinstance(width, str):
        return np.argsort(np.argsort(distances, axis=1, kind="stable"), axis=1).astype(np.float64)
    return np.floor_divide(distances, width).astype(np.float64) * width


def _bits_right(asked: Codes, told: npt.NDArray[np.float64], targets: Codes) -> npt.NDArray[np.float64]:
    found = codes_from_distances(asked, told)
    return np.round((unpack_bits(found) == unpack_bits(targets)).mean(axis=1), DIGITS)
