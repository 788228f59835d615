"""The map's tasks searched privately: what a server still learns from which pictures are fetched, bytes and time.

The server sees which rows are fetched after each search. Where it holds masked codes it learns what these tell as well
(``stored``); where its codes are encrypted, fetches are all there is.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import find_result, provenance
from engine.attacks.codes import clusters
from engine.attacks.fetches import label_by_fetches, match_by_fetches
from engine.attacks.outcome import AttackError, Guesses, blind
from engine.datasets import PAPER, Dataset, load_dataset
from engine.hashing.codes import hamming_distances, pack_bits
from engine.private import CodesKey, EncryptedCodes, PrivateClient, answer, encrypt_codes
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.stores.base import SKETCH_BYTES, Gallery, IndexRows
from engine.studies.attacks.codes import METHOD, hash_pictures, study_mask
from engine.studies.attacks.settings import split_names
from engine.studies.attacks.subjects import Progress, study_key
from engine.studies.attacks.values import DIGITS
from engine.studies.steps import Steps

FETCHED = 10
Codes = npt.NDArray[np.uint8]


def private_search_study(progress: Progress, steps: Steps | None = None) -> dict[str, Any]:
    """Search both tasks of the map privately.

    Args:
        progress: called with (tasks done, tasks in all).
        steps: keeps each task for a run that is stopped.

    Raises:
        DataError: a collection is not on this machine.
        PrivateSearchError: TenSEAL is not installed.
    """
    tasks, found, steps = ("anatomy", PAPER.collection), {}, steps or Steps()
    for done, name in enumerate(tasks, 1):
        dataset = load_dataset(name)
        facts = {key: value for key, value in provenance(dataset, METHOD).items() if key.endswith("sha256")}
        codes = _codes(name, dataset, facts["weights_sha256"])
        found[name] = facts | measure_fetches(codes, dataset.labels, split_names(dataset)) | measure_search(codes)
        progress(done, len(tasks))
    return found


def _codes(name: str, dataset: Dataset, weights: str) -> Codes:
    """The codes of a task as they are stored, unless another encoder made them."""
    figures, arrays = find_result("attacks") or ({}, {})
    if figures.get("stored-codes", {}).get(name, {}).get("weights_sha256") == weights:
        return arrays[f"stored-codes/{name}/codes"]
    return hash_pictures(dataset, lambda done, total: None)


def measure_fetches(codes: Codes, labels: npt.NDArray[np.int64], splits: npt.NDArray[np.str_]) -> dict[str, Any]:
    """Attack test pictures by what is fetched when all validation pictures ask for their ten nearest.

    Args:
        codes: ``(N, bits // 8)`` uint8, plain.
        labels: ``(N,)`` int64.
        splits: ``(N,)`` of ``"train"``, ``"val"``, ``"test"``; the server knows the labels of the first, which are its
            own pictures as well.
    """
    train, test = (np.flatnonzero(splits == name) for name in ("train", "test"))
    stored = np.concatenate([train, test])
    queries = codes[splits == "val"]
    fetched = stored[_nearest(queries, codes[stored])]
    named = label_by_fetches(fetched, labels, splits == "train")
    matched = match_by_fetches(fetched, stored[_nearest(codes[train], codes[stored])], test)
    chance, grouped = blind(labels[test]), _grouped(fetched, labels, splits)
    guesses = {
        "kind": Guesses(grouped[test] == labels[test], chance),
        "labelled": Guesses(named[test] == labels[test], chance),
        "confirm": Guesses(matched == test, 1 / len(test)),
    }
    return {
        "protocol": f"the server sees what {len(queries)} validation pictures fetch when they ask for the {FETCHED} "
        f"nearest of {len(stored)} training and test pictures; labelled: by labelled pictures that were fetched "
        "together with a test picture; kind: groups of rows by the searches that fetched them, named by their sizes; "
        "confirm: by how often each is fetched; opened: there is no code to decode",
        "fetches": {name: guess.correct for name, guess in guesses.items()}
        | {"advantage": {n: round(guess.advantage, DIGITS) for n, guess in guesses.items()} | {"opened": 0.0}},
    }


def _nearest(queries: Codes, stored: Codes) -> npt.NDArray[np.int64]:
    return np.argsort(hamming_distances(queries, stored), axis=1, kind="stable")[:, :FETCHED]


def _grouped(
    fetched: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], splits: npt.NDArray[np.str_]
) -> npt.NDArray[np.int64]:
    """Labels of groups of rows by the searches that fetched them: the largest is taken for the commonest label."""
    seen = np.zeros((len(labels), -(-len(fetched) // 8) * 8), bool)
    for search, rows in enumerate(fetched):
        seen[rows, search] = True
    own = labels[splits == "train"]
    groups = clusters(pack_bits(seen), int(labels.max()) + 1)
    named = np.empty_like(labels)
    order = np.argsort(-np.bincount(own, minlength=labels.max() + 1), kind="stable")
    for group, name in zip(np.argsort(-np.bincount(groups[splits != "val"], minlength=len(order))), order, strict=True):
        named[groups == group] = name
    return named


def measure_search(codes: Codes) -> dict[str, Any]:
    """Search a task's codes privately, masked and encrypted: bytes and seconds of what finds as a plain search does.

    Raises:
        AttackError: it finds something else.
    """
    masked = study_mask(0).apply(codes)
    ids = np.arange(16 * len(codes), dtype=np.uint32).astype(np.uint8).reshape(-1, 16)
    rows = IndexRows(ids, masked, np.zeros((len(codes), SKETCH_BYTES), np.uint8), len(codes) - 1)
    keys = GalleryKeys(study_key("owner"), Gallery(bytes(16), 8 * codes.shape[1], bytes(32)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes"
        start = time.process_time()
        with path.open("wb") as file:
            file.writelines(encrypt_codes(keys, rows, 1, sketches=False))
        made = {
            "bytes_a_code": path.stat().st_size // len(codes),
            "milliseconds_a_code": round(1000 * (time.process_time() - start) / len(codes), DIGITS),
        }
        encrypted = EncryptedCodes(path)
        key = CodesKey.open(keys, encrypted.head.facts + encrypted.head.secret)
        return {
            "searches": {
                "private": _asked(masked, rows, None, None),
                "encrypted": _asked(masked, rows, key, encrypted) | made,
            }
        }


def _asked(masked: Codes, rows: IndexRows, key: CodesKey | None, encrypted: EncryptedCodes | None) -> dict[str, Any]:
    start = time.process_time()
    client = PrivateClient(masked[0], None, key)
    received = encrypted.answer(client.question) if encrypted else answer(client.question, rows)
    distances = client.read(received)[1]
    seconds = time.process_time() - start
    if not np.array_equal(distances, hamming_distances(masked[:1], masked)[0]):
        raise AttackError("A private search found other distances than a plain one: report this with your versions.")
    return {"seconds": round(seconds, DIGITS), "bytes": len(client.question) + len(received)}
