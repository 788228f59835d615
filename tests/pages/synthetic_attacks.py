"""A result file of the attacks as the engine writes it, measured on few small pictures: for pages that show it."""

from pathlib import Path

import numpy as np

from engine import artifacts
from engine.artifacts import save_result
from engine.encryption import SealSetting
from engine.hashing.codes import pack_bits, unpack_bits
from engine.studies.attacks import codes, defences, gallery, hiding, pictures, private, run
from engine.studies.attacks.settings import measure_setting
from engine.studies.attacks.stored import measure_codes
from tests.attacks.subjects import collection

SETTINGS = [
    SealSetting("aes"),
    SealSetting("frequency"),
    *(SealSetting("multistage", b, s, p) for b in (1, 8) for s in (0, 128, 192, 255) for p in ("shared", "fresh")),
]
SMALL = {"SIDE": 64, "TARGETS": 2, "KNOWN": 2, "JIGSAW_PICTURES": 2, "JIGSAW_BLOCKS": (32, 16), "BLOCK_SIZES": (8,)}


def write_attacks(folder: Path, monkeypatch) -> Path:
    """Run small versions of the studies and write ``attacks.json`` and ``attacks.npz``."""
    for name, value in SMALL.items():
        monkeypatch.setattr(pictures, name, value)
    shown, labels, splits = collection()
    words = {
        "pictures": "made up",
        "kind": "linear discriminant",
        "advantage": "made up",
        "opened": "made up",
        "chance": {"kind": 0.5, "confirm": 0.0083},
    }
    rows = [measure_setting(setting, shown, labels, splits) for setting in SETTINGS]
    own = _codes(labels, 2)
    stored = {
        "bytes": 6,
        "milliseconds": 9.0,
        "rows": [{"form": form, **measure_codes(own, form, shown, labels, splits)} for form in ("plain", "masked")],
    }
    made = {"commit": "c0ffee", "data_sha256": "da7a"}
    results = {
        **{name: {"protocol": words, "rows": rows, **made} for name in ("settings-anatomy", "settings-chest")},
        "stored-codes": {"anatomy": stored | made, "covidx-open": stored | made, **made},
        **{
            name: getattr(pictures, run.STUDIES[name][1])(_quiet)
            for name in ("toy", "known-plaintext", "jigsaw", "layers")
        },
        "codes": _codes_study(folder, monkeypatch),
        **_hiding(monkeypatch),
        "private-search": _searched_privately(own, labels, splits) | made,
        "gallery-codes": gallery.gallery_codes_study(_quiet),
        "inversion": _inversion(),
        "descriptors": {"protocol": "made up", "code": _lent(0.01), "descriptor": _lent(0.1)},
    }
    return run.save_attacks(results, folder)


def _quiet(done: int, total: int) -> None:
    pass


def _codes(labels: np.ndarray, classes: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    prototypes = rng.random((classes, codes.BITS)) < 0.5
    return pack_bits(prototypes[labels] ^ (rng.random((len(labels), codes.BITS)) < 0.06))


def _codes_study(folder: Path, monkeypatch) -> dict:
    labels = np.arange(90) % 3
    arrays = {f"{side}_{codes.BITS}": _codes(labels, 3) for side in ("query", "gallery")}
    known = {"classes": np.array(list("abc")), "query_labels": labels, "gallery_labels": labels}
    save_result(codes.METHOD, {}, arrays | known, folder)
    monkeypatch.setattr(artifacts, "RESULTS", folder)
    return codes.codes_study(_quiet)


def _hiding(monkeypatch) -> dict:
    monkeypatch.setattr(hiding, "DECOYS", (1, 3))
    monkeypatch.setattr(defences, "DRAWS", 2)
    row = {"way": "made up", "named": np.array([0.5, 0.5, 1.0]), "alone": np.array([False, False, True]), "cost": 1.02}
    return {
        "sizes": {"protocol": "made up", "rows": [row]},
        "decoys": hiding.decoys_study(_quiet),
        "pairs": hiding.pairs_study(_quiet),
        "defences": defences.defences_study(_quiet),
    }


def _searched_privately(held: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict:
    search = {"bytes": 900_000, "seconds": 0.05}
    more = {"bytes_a_code": 1300, "milliseconds_a_code": 0.03}
    facts = {"searches": {"private": search, "encrypted": search | more}, "data_sha256": "da7a"}
    return {task: facts | private.measure_fetches(held, labels, splits) for task in ("anatomy", "covidx-open")}


def _lent(gain: float) -> dict:
    similar = np.random.default_rng(0).random(40) / 2
    found = {"guess": similar, "linear": similar + gain, "network": similar + gain / 2}
    return {"similarity": found, "gain": {way: codes.code_gain(similar, found[way]) for way in ("linear", "network")}}


def _inversion() -> dict:
    splits = np.array(["train"] * 60 + ["val"] * 15 + ["test"] * 15)
    small = np.random.default_rng(0).integers(0, 256, (90, 16, 16)).astype(np.uint8)
    hashed = _codes(np.arange(90) % 3, 3)
    found = codes.measure_inversion(unpack_bits(hashed), small, splits)
    return {"protocol": "made up", **found, "distinct_codes": 3, "codes": hashed} | {
        "labels": (np.arange(90) % 3).astype(np.uint8),
        "classes": list("abc"),
    }
