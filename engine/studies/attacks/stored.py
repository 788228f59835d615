"""What a sealed collection leaks through the codes it is searched by, on the pictures and tasks of ``settings``.

These rows depend on the encoder: measure them again when its weights change.
"""

import time
from functools import partial
from typing import Any

import numpy as np

from engine.artifacts import provenance
from engine.attacks.ciphertext_only import confirm
from engine.attacks.codes import clusters, match_by_distances, name_groups, probe, recover_mask
from engine.attacks.inversion import Decoder, as_levels
from engine.attacks.outcome import Guesses, blind
from engine.datasets import PAPER, Dataset, data_hash, load_dataset
from engine.evaluation import neighbour_vote, ssim
from engine.hashing.codes import unpack_bits
from engine.studies.attacks.codes import BITS, METHOD, hash_pictures, study_mask
from engine.studies.attacks.settings import (
    KNOWN,
    TARGETS,
    judged,
    known_and_targets,
    load_pictures,
    protocol,
    split_names,
)
from engine.studies.attacks.subjects import Progress
from engine.studies.steps import Steps

VOTERS = 10
DECODED_SIDE = 64


def stored_codes_study(progress: Progress, steps: Steps | None = None) -> dict[str, Any]:
    """Attack the stored codes of both tasks, plain and masked.

    Args:
        progress: called with (pictures done, pictures in all).
        steps: keeps each task for a run that is stopped.

    Raises:
        DataError: a collection is not on this machine.
    """
    tasks = {"anatomy": load_dataset("anatomy"), PAPER.collection: load_dataset(PAPER.collection)}
    total, done, found, steps = sum(map(len, tasks.values())), 0, {}, steps or Steps()
    for name, dataset in tasks.items():
        measure = partial(_measure_task, dataset, partial(_shifted, progress, done, total))
        found[name] = steps.once(f"codes-{name}-{data_hash(dataset)[:12]}", measure, weights=(METHOD,))
        done += len(dataset)
    return found


def _shifted(progress: Progress, done: int, total: int, more: int, _: int) -> None:
    progress(done + more, total)


def _measure_task(dataset: Dataset, progress: Progress) -> dict[str, Any]:
    start = time.process_time()
    codes = hash_pictures(dataset, progress)
    milliseconds = 1000 * (time.process_time() - start) / len(dataset)
    pictures, splits = load_pictures(dataset, DECODED_SIDE), split_names(dataset)
    return {
        "protocol": protocol(dataset, pictures, splits)
        | {
            "pictures": f"{dataset.name}; codes: {METHOD}, {BITS} bits, its encoder was trained on no test picture, "
            "its start on other pictures of some patients",
            "labelled": f"vote of the {VOTERS} nearest of the owner's labelled codes: this is also how well it finds",
            "kind": f"plain: vote of the {VOTERS} nearest public pictures; masked: groups named by their distances",
            "confirm": "plain: an equal code; masked: the picture that lies most alike among all",
            "opened": f"similarity (SSIM) of {TARGETS} test pictures decoded at {DECODED_SIDE} x {DECODED_SIDE}; "
            f"masked: after {KNOWN} codes were known in both forms",
            "luck": "the mean training picture, which needs no code",
        },
        **{name: value for name, value in provenance(dataset, METHOD).items() if name.endswith("sha256")},
        "milliseconds": round(milliseconds, 4),
        "bytes": BITS // 8,
        "rows": [
            {"form": form, **measure_codes(codes, form, pictures, dataset.labels, splits)}
            for form in ("plain", "masked")
        ],
        "codes": codes,
    }


def measure_codes(
    codes: np.ndarray, form: str, pictures: np.ndarray, labels: np.ndarray, splits: np.ndarray
) -> dict[str, Any]:
    """Run every attack on stored codes.

    Args:
        codes: ``(N, bits // 8)`` uint8, plain.
        form: in which they are stored, ``"plain"`` or ``"masked"``.
        pictures: ``(N, H, W)`` uint8, for the decoder.
        labels: ``(N,)`` int64.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``.
    """
    train, test = splits == "train", splits == "test"
    stored = study_mask(0).apply(codes) if form == "masked" else codes
    # The adversary's own pictures are the training pictures, whose plain codes the public network gives it.
    named = _named(stored[test], codes[train], labels[train], form)
    matched = _matched(stored[test], codes[test], form)
    found = neighbour_vote(stored[test], stored[train], labels[train], k=VOTERS)
    chance, count = blind(labels[test]), np.count_nonzero(test)
    guesses = {
        "kind": Guesses(named == labels[test], chance),
        "labelled": Guesses(found == labels[test], chance),
        "confirm": Guesses(matched == np.arange(count), 1 / count),
    }
    return judged(guesses, *_decoded(codes, stored, form, pictures, splits))


def _named(stored: np.ndarray, own: np.ndarray, own_labels: np.ndarray, form: str) -> np.ndarray:
    if form == "plain":
        return probe(stored, own, own_labels, k=VOTERS)
    return name_groups(stored, clusters(stored, int(own_labels.max()) + 1), own, own_labels)


def _matched(stored: np.ndarray, candidates: np.ndarray, form: str) -> np.ndarray:
    if form == "masked":
        return match_by_distances(stored, candidates)
    names = [np.array([int.from_bytes(code.tobytes()) for code in side], np.uint64) for side in (stored, candidates)]
    return confirm(*names)


def _decoded(
    codes: np.ndarray, stored: np.ndarray, form: str, pictures: np.ndarray, splits: np.ndarray
) -> tuple[list[float], list[float]]:
    """Similarity of test pictures to what a decoder makes of their codes, and to the mean training picture."""
    known, targets = known_and_targets(splits)
    plain = stored if form == "plain" else recover_mask(codes[known], stored[known]).remove(stored)
    train = np.flatnonzero(splits == "train")
    decoder = Decoder.fit_best(*((unpack_bits(codes[part]), pictures[part]) for part in (train[::2], train[1::2])))
    guess, found = as_levels(decoder.picture), decoder.decode(unpack_bits(plain[targets]))
    opened = [_similarity(pictures[n], picture) for n, picture in zip(targets, found, strict=True)]
    return opened, [_similarity(pictures[n], guess) for n in targets]


def _similarity(truth: np.ndarray, found: np.ndarray) -> float:
    return max(0.0, ssim(truth, found))
