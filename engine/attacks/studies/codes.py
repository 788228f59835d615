"""What stored codes tell the server: clusters, labels, masks, repeated queries, and pictures made from codes.

The codes of real X-rays come from the method's code file (``models/results``), those of simulated ones are computed.
"""

from typing import Any

import numpy as np

from engine.attacks.codes import clusters, name_groups, probe, purity, recover_mask, repeated_queries
from engine.attacks.inversion import Decoder, as_levels
from engine.attacks.outcome import AttackError
from engine.attacks.studies.subjects import DIGITS, Progress, interval, square, study_key
from engine.datasets import Dataset, load_dataset
from engine.evaluation import paired_bootstrap, ssim
from engine.hashing.evaluate import RESULTS
from engine.retrieval import CodeMask

METHOD, BITS = "matdh", 48
MASKS = 20
KNOWN_CODES = (1, 2, 4, 8, 16, 32, 64)
SIDE = 64


def study_mask(number: int) -> CodeMask:
    """Return one of the masks of the study."""
    return CodeMask.derive(study_key("mask"), salt=number.to_bytes(4, "big"), bits=BITS)


def codes_study(progress: Progress) -> dict[str, Any]:
    """Attack the stored codes of real X-rays, plain and masked.

    Raises:
        AttackError: the method's code file is missing.
    """
    stored, labels, own, own_labels, classes = _stored_codes()
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
    chance = float(np.bincount(labels).max() / len(labels))
    result = {
        "protocol": f"{METHOD}, {BITS} bits; {len(stored)} stored codes (covidx-open test, {'/'.join(classes)}); the "
        f"attacker's own: {len(own)} public training pictures; masked: {MASKS} masks",
        "chance": round(chance, DIGITS),
        "clusters": {form: interval(purity(found, labels).correct) for form, found in groups.items()},
        "named": {form: interval(guess == labels) for form, guess in named.items()},
        "probe": {"plain": interval(probe(stored, own, own_labels) == labels), "masked": interval(probed)},
        "known_codes": [_unmasked(known, stored, masks) for known in KNOWN_CODES],
        "repeats": _repeats(stored),
    }
    progress(4, 4)
    return result


def _stored_codes() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    path = RESULTS / f"{METHOD}_codes.npz"
    if not path.exists():
        raise AttackError(f"{path.name} is missing: make it with `python -m engine evaluate --method {METHOD} --save`.")
    with np.load(path, allow_pickle=False) as file:
        names = (f"query_{BITS}", "query_labels", f"gallery_{BITS}", "gallery_labels")
        stored, labels, own, own_labels = (file[name] for name in names)
        return stored, labels, own, own_labels, tuple(file["classes"].tolist())


def _unmasked(known: int, stored: np.ndarray, masks: list[CodeMask]) -> dict[str, Any]:
    """Share of the other stored codes that come out right after some were known in both forms."""
    right = []
    for mask in masks:
        found = recover_mask(stored[:known], mask.apply(stored[:known]))
        rest = stored[known:]
        right.append(float((found.remove(mask.apply(rest)) == rest).all(axis=1).mean()))
    return {"known": known, "opened": interval(right)}


def _repeats(stored: np.ndarray) -> dict[str, float]:
    """How telling equal codes are: distinct codes, and the share of pictures that share theirs with another."""
    links = repeated_queries(stored)
    shared = np.bincount(links)[links] > 1
    return {"codes": len(stored), "distinct": int(links.max()) + 1, "shared": round(float(shared.mean()), DIGITS)}


def inversion_study(progress: Progress) -> dict[str, Any]:
    """Train a decoder on simulated training patients and show it codes of test patients."""
    gallery = load_dataset("simulated")
    codes = hash_gallery(gallery, progress)
    splits = np.array([record.split for record in gallery.records])
    return {
        "protocol": f"{METHOD}, {BITS} bits, simulated patients (train/val/test), {SIDE} x {SIDE} pixels; similarity "
        "is SSIM to the truth; without the code: the mean training picture",
        **measure_inversion(codes, small_pictures(gallery), splits),
        "codes": {record.id: code.tobytes().hex() for record, code in zip(gallery.records, codes, strict=True)},
    }


def hash_gallery(gallery: Dataset, progress: Progress) -> np.ndarray:
    """Hash every picture of a collection: ``(N, bits // 8)`` uint8."""
    from engine.hashing import Hasher

    hasher, codes = Hasher.load(bits=BITS, method=METHOD), []
    for start in range(0, len(gallery), 32):
        images = [gallery.load(position) for position in range(start, min(start + 32, len(gallery)))]
        codes.append(hasher.codes(images))
        progress(start + len(images), len(gallery))
    return np.concatenate(codes)


def small_pictures(gallery: Dataset) -> np.ndarray:
    """The pictures that the decoder learns and is judged by: ``(N, 64, 64)`` uint8."""
    return np.stack([square(gallery.load(position), SIDE) for position in range(len(gallery))])


def measure_inversion(codes: np.ndarray, pictures: np.ndarray, splits: np.ndarray) -> dict[str, Any]:
    """Compare pictures decoded from the codes of test patients with what one would guess without a code.

    Args:
        codes: ``(N, bits // 8)`` uint8.
        pictures: ``(N, H, W)`` uint8.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``.
    """
    train, validation, test = (splits == name for name in ("train", "val", "test"))
    decoder = Decoder.fit_best((codes[train], pictures[train]), (codes[validation], pictures[validation]))
    guess = as_levels(decoder.picture)
    with_code = [ssim(a, b) for a, b in zip(decoder.decode(codes[test]), pictures[test], strict=True)]
    without = [ssim(guess, picture) for picture in pictures[test]]
    gain = paired_bootstrap(without, with_code)
    return {
        "with_code": interval(with_code),
        "without_code": interval(without),
        "gain": [round(value, DIGITS) for value in gain],
        "distinct_codes": len(np.unique(codes, axis=0)),
        "pictures": len(codes),
    }
