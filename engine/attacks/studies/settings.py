"""The measured map: what each setting leaks, how well its pictures can still be searched, bytes and time.

Real anatomy pictures (bone, brain, chest; paper B's split), so it needs the collection ``anatomy``.
"""

import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from engine.attacks.ciphertext_only import confirm, describe, fingerprint, guess_from_labelled, guess_kinds
from engine.attacks.known_plaintext import open_with, recover_schedule
from engine.attacks.outcome import Guesses, advantage, judge
from engine.attacks.studies.subjects import DIGITS, Progress, interval, study_key
from engine.datasets import Dataset, data_hash, load_dataset
from engine.encryption import MultiStageCipher
from engine.encryption.container import AES_GCM, FREQUENCY, HEADER_BYTES, ciphertext_bytes
from engine.evaluation import bootstrap_interval, ssim
from engine.evaluation.cipher_report import study_ciphers

BLOCK_SIZES, SUBSTITUTIONS, POLICIES = (1, 2, 4, 8, 16), (0, 128, 192, 255), ("shared", "fresh")
KNOWN, TARGETS = 4, 30
LOOK_BLOCK = 8  # how the attacker looks at a scheme that has no blocks


@dataclass(frozen=True)
class Setting:
    """One way to seal pictures; the dials are None where the scheme has none."""

    scheme: str
    block_size: int | None = None
    substitution: int | None = None
    policy: str | None = None

    def seal(self, pictures: np.ndarray, whose: str) -> np.ndarray:
        """Seal pictures under the keys of one party.

        Args:
            pictures: ``(N, H, W)`` uint8.
            whose: names the party.

        Returns:
            What an observer sees of each picture: ``(N, H, W)`` or ``(N, H, W, 3)`` uint8.
        """
        names = [str(n) for n in range(len(pictures))]
        if self.scheme == "multistage":
            dials = (self.block_size, self.substitution, self.policy)
            return MultiStageCipher(study_key(whose), *dials).encrypt_batch(pictures, names)  # type: ignore[arg-type]
        seal = study_ciphers(study_key(whose))[self.scheme]
        return np.stack([seal(picture, name) for picture, name in zip(pictures, names, strict=True)])

    def bytes(self, shape: tuple[int, ...]) -> int:
        """Size of what leaves for a gray 8-bit picture of this shape."""
        if self.scheme == "multistage":
            return 3 * int(np.prod(shape))
        scheme = {"frequency": FREQUENCY, "aes": AES_GCM}[self.scheme]
        return (
            HEADER_BYTES + scheme.nonce_bytes + ciphertext_bytes(scheme, shape, np.dtype(np.uint8)) + scheme.tag_bytes
        )


def all_settings() -> list[Setting]:
    """Every setting of the map."""
    dials = product(POLICIES, BLOCK_SIZES, SUBSTITUTIONS)
    return [Setting("aes"), Setting("frequency")] + [Setting("multistage", b, s, p) for p, b, s in dials]


def settings_study(
    progress: Progress, dataset: Dataset | None = None, settings: list[Setting] | None = None
) -> dict[str, Any]:
    """Attack the same pictures under every setting.

    Args:
        progress: called with (settings done, settings in all).
        dataset: pictures of one size with train, val and test splits; anatomy when None.
        settings: to measure; all when None.

    Raises:
        DataError: the collection is not on this machine.
    """
    dataset, settings = dataset or load_dataset("anatomy"), settings or all_settings()
    pictures = np.stack([dataset.load(position) for position in range(len(dataset))])
    splits = np.array([record.split for record in dataset.records])
    rows = []
    for number, setting in enumerate(settings):
        rows.append(measure_setting(setting, pictures, dataset.labels, splits))
        progress(number + 1, len(settings))
    counts = ", ".join(f"{name} {np.count_nonzero(splits == name)}" for name in ("train", "val", "test"))
    return {
        "protocol": {
            "pictures": f"{dataset.name}, {'/'.join(dataset.classes)}, {counts}, {pictures.shape[2]} x "
            f"{pictures.shape[1]} pixels",
            "kind": "linear discriminant on block statistics, trained on pictures under keys of the attacker",
            "labelled": "the same trained on the owner's labelled encryptions, or the nearest of them in the top bits",
            "confirm": "share of test pictures found among all test pictures by what encryption does not change",
            "opened": f"similarity (SSIM) of {TARGETS} test pictures opened with {KNOWN} known training pictures",
            "leakage": "best attack's advantage over chance, 0 where its interval holds chance; looks: kind; "
            "candidates: kind, confirm; labels: kind, labelled; pictures: all",
            "luck": "a picture opened by luck would be as similar to the truth as to another picture",
            "interval": "95 % bootstrap over pictures",
            "chance": [round(1 / len(dataset.classes), DIGITS), round(1 / np.count_nonzero(splits == "test"), DIGITS)],
        },
        "data_sha256": data_hash(dataset),
        "rows": rows,
    }


def measure_setting(setting: Setting, pictures: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict[str, Any]:
    """Run every attack on pictures sealed under one setting.

    Args:
        setting: scheme and dials.
        pictures: ``(N, H, W)`` uint8.
        labels: ``(N,)`` int64.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``.
    """
    start = time.process_time()
    sealed = setting.seal(pictures, "owner")
    milliseconds = 1000 * (time.process_time() - start) / len(pictures)
    size, test = setting.block_size or LOOK_BLOCK, splits == "test"
    described = describe(sealed, size)
    labelled = guess_from_labelled(sealed, described, labels, splits)
    described[~test] = describe(setting.seal(pictures[~test], "attacker"), size)
    kind = guess_kinds(described, labels, splits)
    confirmed = _confirm(pictures[test], sealed[test], size)
    opened, by_luck = _open_others(pictures, sealed, splits, size)
    return {
        "scheme": setting.scheme,
        "block_size": setting.block_size,
        "substitution": setting.substitution,
        "policy": setting.policy,
        "bytes": setting.bytes(pictures.shape[1:]),
        "milliseconds": round(milliseconds, DIGITS),
        "kind": interval(kind.correct),
        "labelled": interval(labelled.correct),
        "confirm": interval(confirmed.correct),
        "opened": interval(opened),
        "leakage": _leakage(kind.advantage, confirmed.advantage, labelled.advantage, _gain(opened, by_luck)),
    }


def _leakage(kind: float, confirmed: float, labelled: float, opened: float) -> dict[str, float]:
    """The best attack of each adversary, from the one who only looks to the one who knows pictures."""
    best = {
        "looks": kind,
        "candidates": max(kind, confirmed),
        "labels": max(kind, labelled),
        "pictures": max(kind, confirmed, labelled, opened),
    }
    return {name: round(value, DIGITS) for name, value in best.items()}


def _gain(opened: list[float], by_luck: list[float]) -> float:
    """Advantage of similarities over those to other pictures; 0 where the interval does not rule luck out."""
    rate, chance = bootstrap_interval(opened), float(np.mean(by_luck))
    return advantage(rate.mean, chance) if rate.low > chance else 0.0


def _confirm(pictures: np.ndarray, sealed: np.ndarray, size: int) -> Guesses:
    known, seen = (np.array([fingerprint(p, size) for p in stack], np.uint64) for stack in (pictures, sealed))
    return Guesses(confirm(seen, known) == np.arange(len(known)), 1 / len(known))


def _open_others(
    pictures: np.ndarray, sealed: np.ndarray, splits: np.ndarray, size: int
) -> tuple[list[float], list[float]]:
    """Similarity of test pictures opened with known training pictures, to themselves and to each other."""
    rgb = sealed if sealed.ndim == 4 else np.repeat(sealed[..., None], 3, axis=-1)
    known, targets = (
        _spread(np.flatnonzero(splits == "train"), KNOWN),
        _spread(np.flatnonzero(splits == "test"), TARGETS),
    )
    schedule = recover_schedule(pictures[known], rgb[known], size)
    found = [judge(open_with, schedule, rgb[n], truth=pictures[n], queries=KNOWN) for n in targets]
    others = zip(found, pictures[np.roll(targets, 1)], strict=True)
    return [outcome.score for outcome in found], [max(0.0, ssim(outcome.picture, other)) for outcome, other in others]


def _spread(positions: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` positions, evenly spread."""
    return positions[:: max(1, len(positions) // count)][:count]


def pareto_front(leakage: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Mark the settings that no other setting beats in both: ``(N,)``, ``(N,)`` to ``(N,)`` bool.

    >>> pareto_front(np.array([0.0, 0.5, 0.6]), np.array([0.3, 0.9, 0.8])).tolist()
    [True, True, False]
    """
    no_worse = (leakage[:, None] <= leakage) & (accuracy[:, None] >= accuracy)
    better = (leakage[:, None] < leakage) | (accuracy[:, None] > accuracy)
    return np.asarray(~(no_worse & better).any(axis=0))
