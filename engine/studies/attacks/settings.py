"""The measured map: what each setting leaks, how well its pictures can still be searched, bytes and time.

Two tasks on real pictures: paper B's (bone, brain or chest) and chest X-rays (COVID-19, normal or pneumonia).
"""

import time
from dataclasses import asdict
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from engine.attacks.ciphertext_only import (
    confirm,
    describe,
    fingerprint,
    guess_from_labelled,
    guess_kinds,
    recognise_by_levels,
)
from engine.attacks.known_plaintext import open_with, recover_schedule
from engine.attacks.outcome import SURE, Guesses, blind, judge, sure_advantage
from engine.datasets import PAPER, Dataset, data_hash, load_dataset
from engine.encryption import MultiStageCipher, SealSetting
from engine.evaluation import ssim
from engine.imaging import to_uint8
from engine.studies.attacks.subjects import Progress, square, study_key
from engine.studies.attacks.values import DIGITS, as_kept
from engine.studies.ciphers import study_ciphers
from engine.studies.steps import Steps

BLOCK_SIZES, SUBSTITUTIONS, POLICIES = (1, 2, 4, 8, 16), (0, 128, 192, 255), ("shared", "fresh")
KNOWN, TARGETS = 4, 30
CHEST_SIDE = 128
LOOK_BLOCK = 8  # how the attacker looks at a scheme that has no blocks


def seal(setting: SealSetting, pictures: np.ndarray, whose: str) -> np.ndarray:
    """Seal pictures under the keys of one party.

    Args:
        setting: scheme and dials.
        pictures: ``(N, H, W)`` uint8.
        whose: names the party.

    Returns:
        What an observer sees of each picture: ``(N, H, W)`` or ``(N, H, W, 3)`` uint8.
    """
    names = [str(n) for n in range(len(pictures))]
    if setting.scheme == "multistage":
        cipher: MultiStageCipher = setting.cipher(study_key(whose))
        return cipher.encrypt_batch(pictures, names)
    look = study_ciphers(study_key(whose))[setting.scheme]
    return np.stack([look(picture, name) for picture, name in zip(pictures, names, strict=True)])


def all_settings() -> list[SealSetting]:
    """Every setting of the map."""
    dials = product(POLICIES, BLOCK_SIZES, SUBSTITUTIONS)
    return [SealSetting("aes"), SealSetting("frequency")] + [SealSetting("multistage", b, s, p) for p, b, s in dials]


def anatomy_study(progress: Progress, steps: Steps | None = None) -> dict[str, Any]:
    """Attack paper B's pictures under every setting.

    Raises:
        DataError: the collection is not on this machine.
    """
    return settings_study(progress, load_dataset("anatomy"), steps=steps)


def chest_study(progress: Progress, steps: Steps | None = None) -> dict[str, Any]:
    """Attack chest X-rays under every setting, as squares of the side that the encoder sees.

    Raises:
        DataError: the collection is not on this machine.
    """
    return settings_study(progress, load_dataset(PAPER.collection), side=CHEST_SIDE, steps=steps)


def settings_study(
    progress: Progress,
    dataset: Dataset,
    settings: list[SealSetting] | None = None,
    side: int | None = None,
    steps: Steps | None = None,
) -> dict[str, Any]:
    """Attack the same pictures under every setting.

    Args:
        progress: called with (settings done, settings in all).
        dataset: pictures with train, val and test splits.
        settings: to measure; all when None.
        side: cut pictures to squares of this side; None where all are of one size.
        steps: keeps each setting's row for a run that is stopped.
    """
    settings, pictures, splits = settings or all_settings(), load_pictures(dataset, side), split_names(dataset)
    rows, steps, data = [], steps or Steps(), data_hash(dataset)
    for number, setting in enumerate(settings):
        measure = partial(measure_setting, setting, pictures, dataset.labels, splits)
        rows.append(steps.once(f"{dataset.name}-{data[:12]}-{setting.name}", measure, weights=()))
        progress(number + 1, len(settings))
    return {"protocol": protocol(dataset, pictures, splits), "data_sha256": data, "rows": rows}


def load_pictures(dataset: Dataset, side: int | None) -> np.ndarray:
    """``(N, H, W)`` uint8 pictures of a collection, as squares of ``side`` unless it is None."""
    loaded = (to_uint8(dataset.load(position)) for position in range(len(dataset)))
    return np.stack([picture if side is None else square(picture, side) for picture in loaded])


def split_names(dataset: Dataset) -> np.ndarray:
    """``(N,)`` of ``"train"``, ``"val"``, ``"test"``."""
    return np.array([record.split for record in dataset.records])


def protocol(dataset: Dataset, pictures: np.ndarray, splits: np.ndarray) -> dict[str, Any]:
    """Say what was attacked and how the figures are to be read."""
    counts = ", ".join(f"{name} {np.count_nonzero(splits == name)}" for name in ("train", "val", "test"))
    return {
        "pictures": f"{dataset.name}, {'/'.join(dataset.classes)}, {counts}, {pictures.shape[2]} x "
        f"{pictures.shape[1]} pixels",
        "kind": "linear discriminant on block statistics, trained on pictures under keys of the attacker",
        "labelled": "the same trained on the owner's labelled encryptions, or the nearest of them in the top bits",
        "confirm": "share of test pictures found among all test pictures by what encryption keeps of a block, or with "
        "blocks of one pixel by the likelihood of their gray levels",
        "opened": f"similarity (SSIM) of {TARGETS} test pictures opened with {KNOWN} known training pictures",
        "luck": "a picture opened by luck would be as similar to the truth as to another picture",
        "advantage": f"over chance (always naming the commonest), 0 where the {SURE:.1%} interval holds chance",
        "interval": "95 % bootstrap over pictures",
        "chance": {
            "kind": round(blind(dataset.labels[splits == "test"]), DIGITS),
            "confirm": round(1 / np.count_nonzero(splits == "test"), DIGITS),
        },
    }


def measure_setting(
    setting: SealSetting, pictures: np.ndarray, labels: np.ndarray, splits: np.ndarray
) -> dict[str, Any]:
    """Run every attack on pictures sealed under one setting.

    Args:
        setting: scheme and dials.
        pictures: ``(N, H, W)`` uint8.
        labels: ``(N,)`` int64.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``.
    """
    start = time.process_time()
    sealed = seal(setting, pictures, "owner")
    milliseconds = 1000 * (time.process_time() - start) / len(pictures)
    size, test = setting.block_size or LOOK_BLOCK, splits == "test"
    described = describe(sealed, size)
    labelled = guess_from_labelled(sealed, described, labels, splits)
    described[~test] = describe(seal(setting, pictures[~test], "attacker"), size)
    kind = guess_kinds(described, labels, splits)
    confirmed = _recognise(pictures[test], sealed[test], setting)
    opened, luck = _open_others(pictures, sealed, splits, size)
    return {
        **asdict(setting),
        "bytes": setting.bytes(pictures.shape[1:]),
        "milliseconds": round(milliseconds, DIGITS),
        **judged({"kind": kind, "labelled": labelled, "confirm": confirmed}, opened, luck),
    }


def judged(guesses: dict[str, Guesses], opened: list[float], luck: list[float]) -> dict[str, Any]:
    """Put the values of all attacks and their advantages over chance into one row.

    Args:
        guesses: by attack.
        opened: similarities of opened pictures to the truth.
        luck: what they would be by luck.
    """
    values = {name: guess.correct for name, guess in guesses.items()}
    similar = {"opened": as_kept(np.array(opened)), "luck": as_kept(np.array(luck))}
    advantages = {name: guess.advantage for name, guess in guesses.items()} | {
        "opened": sure_advantage(similar["opened"], float(similar["luck"].mean()))
    }
    return {**values, **similar, "advantage": {name: round(float(v), DIGITS) for name, v in advantages.items()}}


def _recognise(pictures: np.ndarray, sealed: np.ndarray, setting: SealSetting) -> Guesses:
    """Find each sealed picture among all, by its levels where blocks of one pixel keep nothing else."""
    if setting.block_size == 1 and setting.substitution is not None:
        found = recognise_by_levels(sealed, pictures, setting.substitution)
    else:
        size = setting.block_size or LOOK_BLOCK
        found = confirm(*(np.array([fingerprint(p, size) for p in stack], np.uint64) for stack in (sealed, pictures)))
    return Guesses(found == np.arange(len(pictures)), 1 / len(pictures))


def _open_others(
    pictures: np.ndarray, sealed: np.ndarray, splits: np.ndarray, size: int
) -> tuple[list[float], list[float]]:
    """Similarity of test pictures opened with known training pictures, to themselves and to each other."""
    rgb = sealed if sealed.ndim == 4 else np.repeat(sealed[..., None], 3, axis=-1)
    known, targets = known_and_targets(splits)
    schedule = recover_schedule(pictures[known], rgb[known], size)
    found = [judge(open_with, schedule, rgb[n], truth=pictures[n], queries=KNOWN) for n in targets]
    others = zip(found, pictures[np.roll(targets, 1)], strict=True)
    return [outcome.score for outcome in found], [max(0.0, ssim(outcome.picture, other)) for outcome, other in others]


def known_and_targets(splits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training pictures that the adversary knows and of the test pictures that it goes for."""
    return (
        _spread(np.flatnonzero(splits == "train"), KNOWN),
        _spread(np.flatnonzero(splits == "test"), TARGETS),
    )


def _spread(positions: np.ndarray, count: int) -> np.ndarray:
    """At most ``count`` positions, evenly spread."""
    return positions[:: max(1, len(positions) // count)][:count]
