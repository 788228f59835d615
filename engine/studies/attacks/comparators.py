"""Known and chosen pictures against the schemes of paper A's Table 6. Simulated X-rays."""

from typing import Any

import numpy as np

from engine.attacks.comparators import match_pixels, open_with, planted, read_planted
from engine.attacks.outcome import judge
from engine.datasets import load_dataset
from engine.encryption import Schedule
from engine.encryption.comparators import COMPARATORS, Comparator
from engine.studies.attacks.subjects import Progress, patients, study_key

SIDE, TARGETS, KNOWN = 256, 30, 8
COUNTS = (2, 4, 8)


def comparators_study(progress: Progress) -> dict[str, Any]:
    """Measure how far known and chosen pictures open others, scheme by scheme."""
    gallery = load_dataset("simulated")
    known, targets = patients(gallery, "train", SIDE, KNOWN), patients(gallery, "test", SIDE, TARGETS)
    rows = {}
    for done, (name, cipher) in enumerate(COMPARATORS.items(), start=1):
        rows[name] = _attack(cipher(study_key("comparators")), known, targets)
        progress(done, len(COMPARATORS))
    return {
        "protocol": f"{TARGETS} simulated test patients, {SIDE} x {SIDE} pixels, one key; known pictures are of "
        "training patients; chosen ones number the pixels; similarity is SSIM to the truth; repeated: share of "
        "pictures that become the same cipher picture when encrypted again",
        "schemes": rows,
    }


def _attack(cipher: Comparator, known: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    sealed = _sealed(cipher, targets)
    asked, seen = planted(SIDE, SIDE), _sealed(cipher, known)
    return {
        "chosen": _opened(read_planted(_sealed(cipher, asked)), sealed, targets, len(asked)),
        "known": [_opened(match_pixels(known[:n], seen[:n]), sealed, targets, n) for n in COUNTS],
        "repeated": (sealed == _sealed(cipher, targets)).all(axis=(1, 2)),
    }


def _sealed(cipher: Comparator, pictures: np.ndarray) -> np.ndarray:
    return np.stack([cipher.encrypt(picture).picture for picture in pictures])


def _opened(schedule: Schedule, sealed: np.ndarray, targets: np.ndarray, queries: int) -> dict[str, Any]:
    found = [judge(open_with, schedule, s, truth=t, queries=queries) for s, t in zip(sealed, targets, strict=True)]
    return {
        "pictures": queries,
        "similarity": np.array([outcome.score for outcome in found]),
        "exact": np.array([outcome.exact for outcome in found]),
    }
