"""What stored codes tell the server: clusters, labels, masks, repeated queries, and pictures made from codes.

The codes of real X-rays come from the method's code file (``models/results``), those of simulated ones are computed.
"""

from typing import Any

import numpy as np

from engine.artifacts import find_result
from engine.attacks.codes import (
    clusters,
    match_by_distances,
    name_groups,
    probe,
    purity,
    recover_mask,
    repeated_queries,
)
from engine.attacks.inversion import Decoder, as_levels, bytes_of
from engine.attacks.neural_decoder import NeuralDecoder
from engine.attacks.outcome import AttackError, blind
from engine.datasets import PAPER, Dataset, load_dataset
from engine.evaluation import paired_bootstrap, ssim
from engine.hashing.codes import unpack_bits
from engine.hashing.hasher import Hasher
from engine.retrieval import CodeMask
from engine.studies.attacks.settings import load_pictures, split_names
from engine.studies.attacks.subjects import Progress, study_key
from engine.studies.attacks.values import DIGITS, as_kept
from engine.studies.retrieval import describe_dataset

METHOD, BITS = "matdh", 48
MASKS = 20
KNOWN_CODES = (1, 2, 4, 8, 16, 32, 64)
SIDE = 64
EXAMPLES = 4


def study_mask(number: int) -> CodeMask:
    """Return one of the masks of the study."""
    return CodeMask.derive(study_key("mask"), salt=number.to_bytes(4, "big"), bits=BITS)


def codes_study(progress: Progress) -> dict[str, Any]:
    """Attack the stored codes of real X-rays, plain and masked.

    Raises:
        AttackError: the method's code file is missing.
    """
    stored, labels, own, own_labels, classes = stored_codes()
    count, masks = len(classes), [study_mask(number) for number in range(MASKS)]
    masked = [mask.apply(stored) for mask in masks]
    progress(1, 4)
    groups = {"plain": clusters(stored, count), "masked": clusters(masked[0], count)}
    progress(2, 4)
    named = {
        form: name_groups(codes, groups[form], own, own_labels)
        for form, codes in (("plain", stored), ("masked", masked[0]))
    }
    progress(3, 4)
    probed = [np.mean(probe(codes, own, own_labels) == labels) for codes in masked]
    result = {
        "protocol": f"{METHOD}, {BITS} bits; {len(stored)} stored codes ({PAPER.collection} test, "
        f"{'/'.join(classes)}); the attacker's own: {len(own)} public training pictures; masked: {MASKS} masks",
        "chance": round(blind(labels), DIGITS),
        "clusters": {form: purity(found, labels).correct for form, found in groups.items()},
        "named": {form: guess == labels for form, guess in named.items()},
        "probe": {"plain": probe(stored, own, own_labels) == labels, "masked": np.array(probed)},
        "listed": match_by_distances(masked[0], stored) == np.arange(len(stored)),
        "known_codes": [_unmasked(known, stored, masks) for known in KNOWN_CODES],
        "repeats": _repeats(stored),
    }
    progress(4, 4)
    return result


def stored_codes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return codes and labels of test pictures, the same of training pictures, and the labels' names.

    Raises:
        AttackError: the method's code file is missing.
    """
    found = find_result(METHOD)
    if found is None:
        raise AttackError(
            f"{METHOD}.npz is missing: make it with `python -m engine evaluate --method {METHOD} --save`."
        )
    arrays = found[1]
    names = (f"query_{BITS}", "query_labels", f"gallery_{BITS}", "gallery_labels")
    stored, labels, own, own_labels = (arrays[name] for name in names)
    return stored, labels, own, own_labels, tuple(arrays["classes"].tolist())


def _unmasked(known: int, stored: np.ndarray, masks: list[CodeMask]) -> dict[str, Any]:
    """Share of the other stored codes that come out right after some were known in both forms."""
    right = []
    for mask in masks:
        found = recover_mask(stored[:known], mask.apply(stored[:known]))
        rest = stored[known:]
        right.append(float((found.remove(mask.apply(rest)) == rest).all(axis=1).mean()))
    return {"known": known, "opened": np.array(right)}


def _repeats(stored: np.ndarray) -> dict[str, float]:
    """How telling equal codes are: distinct codes, and the share of pictures that share theirs with another."""
    links = repeated_queries(stored)
    shared = np.bincount(links)[links] > 1
    return {"codes": len(stored), "distinct": int(links.max()) + 1, "shared": round(float(shared.mean()), DIGITS)}


def inversion_study(progress: Progress) -> dict[str, Any]:
    """Train decoders on simulated training patients and show them codes of test patients."""
    gallery = load_dataset("simulated")
    codes, pictures = hash_pictures(gallery, progress), load_pictures(gallery, SIDE)
    return {
        "protocol": f"{METHOD}, {BITS} bits, simulated patients (train/val/test), {SIDE} x {SIDE} pixels; similarity "
        "is SSIM to the truth; without the code: the mean training picture; network: one hidden layer, stopped where "
        "validation pictures come out best",
        **measure_inversion(unpack_bits(codes), pictures, split_names(gallery)),
        "distinct_codes": len(np.unique(codes, axis=0)),
        "codes": codes,
        "labels": gallery.labels.astype(np.uint8),
        "classes": list(gallery.classes),
    }


def descriptors_study(progress: Progress) -> dict[str, Any]:
    """Train decoders on public training pictures and show them what a user is lent of test patients.

    Raises:
        DataError: the pictures are not on this machine.
    """
    dataset = load_dataset(PAPER.collection)
    codes, descriptors = describe_dataset(Hasher.load(bits=BITS, method=METHOD), dataset, progress)
    pictures, splits = load_pictures(dataset, SIDE), split_names(dataset)
    found = {
        "code": measure_inversion(unpack_bits(codes), pictures, splits),
        "descriptor": measure_inversion(bytes_of(descriptors), pictures, splits),
    }
    return {
        "protocol": f"{METHOD}, {BITS} bits and {descriptors.shape[1]} bytes, {PAPER.collection}: decoders learn from "
        f"{np.count_nonzero(splits == 'train')} public training pictures and are shown "
        f"{np.count_nonzero(splits == 'test')} test pictures, {SIDE} x {SIDE} pixels; similarity is SSIM to the truth",
        # No examples: the pictures' licences forbid to pass them on.
        **{name: {part: row[part] for part in ("similarity", "gain")} for name, row in found.items()},
    }


def hash_pictures(dataset: Dataset, progress: Progress) -> np.ndarray:
    """Hash every picture of a collection: ``(N, bits // 8)`` uint8."""
    return describe_dataset(Hasher.load(bits=BITS, method=METHOD), dataset, progress)[0]


def measure_inversion(held: np.ndarray, pictures: np.ndarray, splits: np.ndarray) -> dict[str, Any]:
    """Compare pictures decoded from what is held of test patients with what one would guess without it.

    Args:
        held: ``(N, D)`` of 0..1: bits of codes, or bytes of descriptors.
        pictures: ``(N, H, W)`` uint8.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``.

    Returns:
        Similarities by way of decoding, gains over the guess, and the decoded pictures of a few test patients.
    """
    train, validation, test = (splits == name for name in ("train", "val", "test"))
    own = ((held[train], pictures[train]), (held[validation], pictures[validation]))
    linear = Decoder.fit_best(*own)
    decoded = {
        "guess": np.repeat(as_levels(linear.picture)[None], np.count_nonzero(test), axis=0),
        "linear": linear.decode(held[test]),
        "network": NeuralDecoder.fit_best(*own).decode(held[test]),
    }
    similar = {way: _similarities(found, pictures[test]) for way, found in decoded.items()}
    shown = np.linspace(0, np.count_nonzero(test) - 1, EXAMPLES).astype(int)
    return {
        "similarity": similar,
        "gain": {way: code_gain(similar["guess"], similar[way]) for way in ("linear", "network")},
        "pictures": len(held),
        "examples": {way: found[shown] for way, found in {"truth": pictures[test], **decoded}.items()},
    }


def code_gain(without: np.ndarray, with_code: np.ndarray) -> list[float]:
    """What the code adds to the similarity: mean, ends of the interval, p-value of nothing."""
    return [round(value, DIGITS) for value in paired_bootstrap(without, with_code)]


def _similarities(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return as_kept(np.array([ssim(a, b) for a, b in zip(found, truth, strict=True)]))
