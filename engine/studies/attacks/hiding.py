"""What hiding costs and gives: sizes in classes, pictures fetched among decoys, and a mask of which pairs are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.attacks.codes import recover_mask
from engine.attacks.fetches import pick_wanted
from engine.attacks.sizes import named_by_size
from engine.datasets import data_hash, load_dataset
from engine.encryption.container import padded_bytes
from engine.encryption.content import FRAME_BYTES
from engine.hashing.codes import hamming_distances, unpack_bits
from engine.studies.attacks.codes import MASKS, stored_codes, study_mask
from engine.studies.attacks.subjects import Progress
from engine.studies.attacks.values import DIGITS

WANTED, DECOYS = 10, (1, 3, 9)
PAIRS = (1, 2, 4, 8, 16)
Sizer = Callable[[int, tuple[int, ...]], Any]

# What the server sees of a picture with a file of so many bytes and so many pixels, and the bytes that are stored.
SIZES: dict[str, tuple[Sizer, Callable[[int, int], int]]] = {
    "version 1: height and width in the header": (lambda file, shape: shape, lambda file, pixels: pixels),
    "version 2: pixels": (
        lambda file, shape: padded_bytes(int(np.prod(shape)) + FRAME_BYTES),
        lambda file, pixels: padded_bytes(pixels + FRAME_BYTES),
    ),
    "a file as it came, not padded": (lambda file, shape: file, lambda file, pixels: file),
    "version 2: a file as it came": (
        lambda file, shape: padded_bytes(file + FRAME_BYTES),
        lambda file, pixels: padded_bytes(file + FRAME_BYTES),
    ),
    "a file, padded to a power of two": (
        lambda file, shape: (file - 1).bit_length(),
        lambda file, pixels: 1 << (file - 1).bit_length(),
    ),
}


def sizes_study(progress: Progress) -> dict[str, Any]:
    """Name real pictures by the sizes of what is stored of them, beside what each way of hiding sizes costs.

    Raises:
        DataError: the collection is not on this machine.
    """
    part = load_dataset("covidx-open").subset(split="test")
    facts = []
    for position, record in enumerate(part.records):
        facts.append((record.path.stat().st_size, part.load(position).shape))
        progress(position + 1, len(part))
    rows = []
    for way, (seen, stored) in SIZES.items():
        whole = sum(stored(file, shape[0] * shape[1]) for file, shape in facts)
        plain = sum(shape[0] * shape[1] if "pixels" in way or "height" in way else file for file, shape in facts)
        named = named_by_size([seen(file, shape) for file, shape in facts])
        rows.append({"way": way, "named": named, "alone": named == 1, "cost": round(whole / plain, DIGITS)})
    return {
        "protocol": f"{len(part)} test pictures of covidx-open, all at hand; named: share named right; alone: share of "
        "which no other looks the same; cost: stored bytes over those of pixels or files, without header and signature",
        "data_sha256": data_hash(part),
        "rows": rows,
    }


def decoys_study(progress: Progress) -> dict[str, Any]:
    """Pick the wanted rows out of those that are fetched, for each way of drawing decoys.

    Raises:
        AttackError: the method's code file is missing.
    """
    queries, _, stored, _, _ = stored_codes()
    masked, rng = study_mask(0).apply(stored), np.random.default_rng(0)
    ranked = np.argsort(hamming_distances(queries, stored), axis=1, kind="stable")
    rows = []
    for number, (way, count) in enumerate((way, count) for way in DRAWN for count in DECOYS):
        found = [_found(masked, DRAWN[way](order, count, rng), order[:WANTED], rng) for order in ranked]
        rows.append({"drawn": way, "decoys": count, "found": np.array(found), "chance": round(1 / (1 + count), DIGITS)})
        progress(number + 1, len(DRAWN) * len(DECOYS))
    return {
        "protocol": f"{len(queries)} test pictures ask for the {WANTED} nearest of {len(stored)} training pictures; "
        "found: share of the wanted rows among as many picked; decoys: fetched for each wanted row, and paid for",
        "rows": rows,
    }


def _anywhere(order: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Decoys drawn one by one among all rows."""
    return rng.choice(order[WANTED:], WANTED * count, replace=False)


def _runs(order: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Decoys drawn as runs of rows that are equally far from the query, so that they lie near each other."""
    starts = rng.choice(np.arange(WANTED, len(order) - WANTED + 1, WANTED), count, replace=False)
    return np.concatenate([order[start : start + WANTED] for start in starts])


def _next(order: npt.NDArray[np.int64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The rows that are next nearest: an answer made coarser."""
    return order[WANTED : WANTED * (1 + count)]


DRAWN = {"anywhere": _anywhere, "in runs": _runs, "the next nearest": _next}


def _found(
    masked: npt.NDArray[np.uint8],
    decoys: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> float:
    fetched = rng.permutation(np.concatenate([wanted, decoys]))
    picked = fetched[pick_wanted(masked[fetched], len(wanted))]
    return float(np.isin(picked, wanted).mean())


def pairs_study(progress: Progress) -> dict[str, Any]:
    """Find the mask from a few codes known in both forms, drawn at random, and unmask all others.

    Raises:
        AttackError: the method's code file is missing.
    """
    stored, rng, rows = stored_codes()[0], np.random.default_rng(0), []
    for number, count in enumerate(PAIRS):
        codes, bits = [], []
        for mask in map(study_mask, range(MASKS)):
            known = rng.choice(len(stored), count, replace=False)
            rest = np.delete(stored, known, axis=0)
            opened = recover_mask(stored[known], mask.apply(stored[known])).remove(mask.apply(rest))
            codes.append(float((opened == rest).all(axis=1).mean()))
            bits.append(float((unpack_bits(opened) == unpack_bits(rest)).mean()))
        rows.append({"pairs": count, "codes": np.array(codes), "bits": np.array(bits)})
        progress(number + 1, len(PAIRS))
    return {
        "protocol": f"{len(stored)} codes of test pictures, {MASKS} masks, pairs drawn at random; codes: share of the "
        "other codes unmasked whole, bits: share of their bits that are right",
        "rows": rows,
    }
