"""What codes keep, measured: every share of the dial on the same features of test pictures, asked of each other.

The three shares (``engine.hashing.keeps``) are three sets of hash heads on one network, so it looks at each picture
once. Codes that follow the label more closely find more by label and tell a server more of it; codes that keep more of
the picture find another picture of the patient more often. The figures say how much of each.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import PAPER, load_dataset
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.hashing.keeps import KEEPS
from engine.studies.ring_unseen import report_method, test_facts
from engine.studies.unseen import unseen

RESULT = "dial"
METHOD = "matdh"
BITS = 48
LENGTHS = (16, 48, 64)
BATCH = 32

Arrays = Mapping[str, npt.NDArray[Any]]


def measure_dial(progress: Callable[[int, int], None]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Hash the paper's test pictures with the heads of every share, and report them.

    Args:
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data, and the arrays that :func:`report_dial` makes its figures of.

    Raises:
        DataError: The pictures are not on this machine.
        HasherError: The network is shipped without the heads of a share.
    """
    dataset = load_dataset(PAPER.collection)
    pictures, hasher = dataset.subset("test"), Hasher.load(BITS, METHOD)
    features = []
    for start in range(0, len(pictures), BATCH):
        images = [pictures.load(i) for i in range(start, min(start + BATCH, len(pictures)))]
        features.append(hasher.features(images))
        progress(start + len(images), len(pictures))
    arrays = {"labels": pictures.labels, **codes_of_shares(np.concatenate(features))}
    result = {
        "method": METHOD,
        "protocol": f"{len(pictures)} test pictures of {PAPER.collection}, each against all others but its own group; "
        f"{BITS} bits where no length is named",
        "bits": BITS,
        "provenance": provenance(dataset, METHOD),
        "shares": report_dial(arrays),
    }
    return result, arrays


def codes_of_shares(features: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the codes that the heads of every share make of the network's features.

    Args:
        features: ``(N, F)`` float32, of ``Hasher.features``.

    Returns:
        ``<share>_<bits>`` to packed codes ``(N, bits // 8)`` uint8, for every share and measured length.
    """
    import torch

    codes = {}
    for keeps in KEEPS:
        hasher = Hasher.load(BITS, METHOD, keeps)
        with torch.inference_mode():
            seen = torch.from_numpy(features).to(hasher.device)
            for bits in LENGTHS:
                codes[f"{keeps}_{bits}"] = pack_bits(hasher.network.heads[str(bits)](seen).cpu().numpy() >= 0)
    return codes


def report_dial(arrays: Arrays) -> dict[str, dict[str, Any]]:
    """Report every share from stored codes; no picture and no network is needed.

    Args:
        arrays: ``labels`` ``(N,)`` int64, and codes as :func:`codes_of_shares` names them.

    Returns:
        For each share what ``engine.studies.ring_unseen.report_method`` reports at 48 bits; ``lengths``: mAP of both
        tasks at each length; ``new_patients``: mAP and AUC where only pictures ask of whose patients the encoder's
        start, trained before the splits were corrected, has met none.

    Raises:
        DataError: The codes are of other test pictures than the manifest's.
    """
    facts = test_facts(arrays["labels"])
    rows = {}
    for keeps in KEEPS:
        maps = {
            str(bits): unseen(arrays[f"{keeps}_{bits}"], facts.labels, facts.groups, PAPER.position) for bits in LENGTHS
        }
        lengths = {bits: {task: found[task] for task in ("binary", "classes")} for bits, found in maps.items()}
        codes = arrays[f"{keeps}_{BITS}"]
        new = unseen(codes, facts.labels, facts.groups, PAPER.position, asking=~facts.earlier)
        rows[keeps] = {**report_method(codes, facts), "lengths": lengths, "new_patients": new}
    return rows
