"""How much of the chest should a network be shown? A linear probe on the frozen ImageNet VGG-16 answers cheaply.

Each margin around the lungs is judged on the validation split, and by whether positives of a publisher that the probe
never saw are still told from negatives: what helps there is more than one hospital's habit. The test split is not
looked at. The margin of the presets ``gpu`` and ``cpu`` was chosen by this.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engine.artifacts import provenance
from engine.datasets import PAPER, DataError, Dataset, load_dataset
from engine.evaluation import auc_per_positive
from engine.evaluation.bootstrap import interval
from engine.hashing.preprocess import BLUR, FRAME_MARGIN
from engine.imaging.framing import frame_chest
from engine.studies.protocol import INTERVAL_POLICY
from engine.training.config import HOLDOUTS
from engine.training.run import imagenet_file

MARGINS = (FRAME_MARGIN, 0.12, 0.22)
SIDE = 160
DECAY = 0.3
BATCH = 16

Arrays = Mapping[str, npt.NDArray[Any]]


def run_framing_study(progress: Callable[[int, int], None]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Probe every margin.

    Args:
        progress: Called with (pictures done, pictures in all).

    Returns:
        The result file's data and the score file's arrays.

    Raises:
        DataError: The pictures or VGG-16's ImageNet base are not on this machine.
    """
    if not imagenet_file().exists():
        raise DataError(f"This study needs VGG-16's ImageNet base: put it at {imagenet_file()}.")
    dataset = load_dataset(PAPER.collection)
    train, held = dataset.subset("train"), dataset.subset("val")
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels": held.labels,
        "train_labels": train.labels,
        "sources": np.array([record.source for record in held.records]),
        "train_sources": np.array([record.source for record in train.records]),
    }
    pictures, total = len(train) + len(held), len(MARGINS) * (len(train) + len(held))
    for number, margin in enumerate(MARGINS):
        before = number * pictures
        known = pooled_features(train, margin, partial(_step, progress, before, total))
        asked = pooled_features(held, margin, partial(_step, progress, before + len(train), total))
        arrays |= {f"{name}_{margin}": scores for name, scores in probe(known, asked, arrays).items()}
    result = {
        "protocol": {
            "dataset": dataset.name,
            "probe": f"multinomial logistic regression (decay {DECAY}) on mean and maximum of VGG-16's last channels",
            "side": SIDE,
            "inside": "validation split, COVID-19 against the rest",
            "across": "positives of the publisher left out, training and validation, against validation negatives",
            "interval": f"{INTERVAL_POLICY}; a query is a positive",
        },
        "provenance": provenance(dataset),
        "margins": report_margins(arrays),
    }
    return result, arrays


def _step(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def pooled_features(dataset: Dataset, margin: float, progress: Callable[[int], None]) -> npt.NDArray[np.float32]:
    """Return the mean and maximum of VGG-16's last channels for every picture: ``(N, 1024)`` float32."""
    import torch

    from models.vgg16 import ImageNetBase

    base, rows = ImageNetBase(imagenet_file()).eval(), []
    for start in range(0, len(dataset), BATCH):
        stop = min(start + BATCH, len(dataset))
        frames = [
            cv2.GaussianBlur(frame_chest(dataset.load(i), SIDE, margin), (0, 0), BLUR) for i in range(start, stop)
        ]
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            maps = base(torch.from_numpy(np.stack(frames))[:, None].float()).float()
        rows.append(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1).numpy())
        progress(stop)
    return np.concatenate(rows)


def probe(
    train: npt.NDArray[np.float32], held: npt.NDArray[np.float32], known: Arrays
) -> dict[str, npt.NDArray[np.float32]]:
    """Fit the probe with every publisher and without each publisher of positives.

    Args:
        train: ``(N, D)`` features of the training pictures.
        held: ``(V, D)`` features of the validation pictures.
        known: ``labels`` and ``sources`` of ``held``, ``train_labels`` and ``train_sources``.

    Returns:
        Log-odds of COVID-19: ``inside`` ``(V,)``, and for each publisher left out ``<publisher>`` ``(N + V,)``.
    """
    mean, spread = train.mean(0), train.std(0) + 1e-3
    known_features, asked = (train - mean) / spread, (held - mean) / spread
    everything, labels = np.concatenate([known_features, asked]), known["train_labels"]
    scores = {"inside": _log_odds(known_features, labels, asked)}
    for change in HOLDOUTS.values():
        source = change["without_positives"]
        kept = ~PAPER.is_positive(labels) | (known["train_sources"] != source)
        scores[source] = _log_odds(known_features[kept], labels[kept], everything)
    return scores


def _log_odds(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], asked: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    import torch

    from engine.training.teacher import fit_linear

    classifier = fit_linear(torch.from_numpy(features), torch.from_numpy(labels), DECAY)
    with torch.no_grad():
        logits = classifier(torch.from_numpy(asked))
    return (logits[:, 0] - logits[:, 1:].logsumexp(1)).numpy()


def report_margins(arrays: Arrays) -> dict[str, dict[str, Any]]:
    """Report every margin's AUCs from stored scores.

    Args:
        arrays: ``labels``, ``sources``, ``train_labels``, ``train_sources``, and for each margin ``inside_<margin>``
            and ``<publisher>_<margin>``, as :func:`probe` returns them.

    Returns:
        For each margin ``inside`` and each publisher left out: AUC with its interval.
    """
    positive = PAPER.is_positive(arrays["labels"])
    both = np.concatenate([arrays["train_labels"], arrays["labels"]])
    known = PAPER.is_positive(both)
    origin = np.concatenate([arrays["train_sources"], arrays["sources"]])
    is_held = np.arange(len(both)) >= len(arrays["train_labels"])
    rows: dict[str, dict[str, Any]] = {}
    for margin in MARGINS:
        rows[str(margin)] = {"inside": _auc(arrays[f"inside_{margin}"], positive)}
        for change in HOLDOUTS.values():
            source = change["without_positives"]
            asked = (known & (origin == source)) | (~known & is_held)
            rows[str(margin)][source] = _auc(arrays[f"{source}_{margin}"][asked], known[asked])
    return rows


def _auc(scores: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_]) -> list[float]:
    return interval(auc_per_positive(scores, positive))
