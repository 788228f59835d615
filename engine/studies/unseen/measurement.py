"""Hash a whole collection, with and without lungs: the arrays that every figure of an unseen gallery follows from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.datasets import Dataset
from engine.hashing.codes import pack_bits
from engine.hashing.frames import CACHE, framed
from engine.hashing.hasher import Hasher
from engine.hashing.preprocess import prepare_frame
from engine.studies.controls import blacken_lungs, principal_components

BATCH = 32
BLACK_BITS = 48


def hash_collection(
    hasher: Hasher, dataset: Dataset, progress: Callable[[int, int], None], cache: Path | None = CACHE
) -> dict[str, npt.NDArray[np.generic]]:
    """Hash every picture at every length, once as it is and once with its lungs painted black.

    Args:
        hasher: The network.
        dataset: The pictures.
        progress: Called with (pictures done, pictures in all), once their chests are found.
        cache: Folder that keeps the chests, found once for every network that is shown them alike; None for none.

    Returns:
        ``ids``, ``codes_<bits>`` of every length, ``black_48`` and ``features`` (principal components, float16).

    Raises:
        DataError: A picture cannot be read.
    """
    chests = framed(dataset, hasher.side, hasher.margin, cache)
    features, black = [], []
    codes: dict[int, list[npt.NDArray[np.uint8]]] = {bits: [] for bits in hasher.lengths}
    for start in range(0, len(dataset), BATCH):
        stop = min(start + BATCH, len(dataset))
        frames = chests[start:stop]
        seen, outputs = hasher.outputs_of_inputs(np.stack([prepare_frame(f, hasher.enhanced) for f in frames]))
        dark = np.stack([prepare_frame(blacken_lungs(f, hasher.margin), hasher.enhanced) for f in frames])
        features.append(seen)
        black.append(pack_bits(hasher.outputs_of_inputs(dark)[1][BLACK_BITS] >= 0))
        for bits, logits in outputs.items():
            codes[bits].append(pack_bits(logits >= 0))
        progress(stop, len(dataset))
    whole = np.concatenate(features)
    return {
        "ids": np.array([record.id for record in dataset.records]),
        **{f"codes_{bits}": np.concatenate(rows) for bits, rows in codes.items()},
        f"black_{BLACK_BITS}": np.concatenate(black),
        "features": principal_components(whole, whole)[0],
    }
