"""Networks to measure, each with its pictures, its calibration pictures and how its output is read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from engine.artifacts import read_card, weights_path
from engine.datasets import PAPER, Dataset, data_hash, load_dataset
from engine.files import file_sha256
from engine.hashing.codes import pack_bits
from engine.hashing.hasher import Hasher
from engine.quantization.observers import QuantizationError
from engine.studies.quantization.pictures import prepared_pictures

BITS = 48
CALIBRATION_PICTURES = 64
# Where paper B quantizes: blocks of 8. Fresh keys: nobody can learn one.
SETTING = "fresh-8"


@dataclass(frozen=True)
class Subject:
    """One trained network with everything that measuring it needs.

    Attributes:
        short: Its name on a dial.
        title: What it is, for a reader.
        task: ``"retrieval"`` by codes or ``"classification"``.
        network: In evaluation mode.
        inputs: ``(N, C, H, W)`` float32; for retrieval the queries come first.
        calibration: Inputs of training pictures.
        layer: Name of the last layer, the one that answers are read from.
        read: What the last layer returns to answers: packed codes ``(n, bytes)`` or predicted classes ``(n,)``, uint8.
        output: What forward returns to features, which the last layer sees, and to what the last layer returns.
        known: ``classes`` and labels, as they are stored beside the answers.
        provenance: Protocol, and hashes of weights and data.
        training: Inputs and labels of training pictures, for those that can be tuned once they are quantized.
    """

    short: str
    title: str
    task: Literal["retrieval", "classification"]
    network: nn.Module
    inputs: Tensor
    calibration: Tensor
    layer: str
    read: Callable[[Tensor], np.ndarray]
    output: Callable[[Any], tuple[Tensor, Tensor]]
    known: dict[str, np.ndarray]
    provenance: dict[str, Any]
    training: tuple[Tensor, Tensor] | None = None


def load_subject(name: str) -> Subject:
    """Return a network to measure.

    Args:
        name: One of ``SUBJECTS``.

    Raises:
        QuantizationError: There is no such network.
        VaultError: Its weights or its pictures are not on this machine.
    """
    if name not in SUBJECTS:
        raise QuantizationError(f"There is no network {name!r} to quantize: choose one of {', '.join(SUBJECTS)}.")
    return SUBJECTS[name]()


def spread(count: int, wanted: int = CALIBRATION_PICTURES) -> np.ndarray:
    """Return ``wanted`` positions, spread evenly over ``count``.

    Example:
        >>> spread(10, 4).tolist()
        [0, 3, 6, 9]
    """
    return np.linspace(0, count - 1, min(wanted, count)).round().astype(int)


def channels_last(pictures: np.ndarray) -> Tensor:
    """Return ``(N, C, H, W)`` as a tensor in the layout that int8 kernels like."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).contiguous(memory_format=torch.channels_last)


def _matdh() -> Subject:
    hasher, dataset = Hasher.load(bits=BITS), load_dataset(PAPER.collection)
    queries, gallery = dataset.subset("test"), dataset.subset("train")
    asked, held = (prepared_pictures(part, hasher) for part in (queries, gallery))
    return Subject(
        short="MATDH",
        title="MATDH encoder, 48-bit codes of chest X-rays",
        task="retrieval",
        network=hasher.network,
        inputs=channels_last(np.concatenate([asked, held])[:, None]),
        calibration=channels_last(held[spread(len(held))][:, None]),
        layer=f"heads.{BITS}",
        read=lambda logits: pack_bits((logits >= 0).numpy()),
        output=lambda returned: (returned[0], returned[1][BITS]),
        known={
            "classes": np.array(dataset.classes),
            "query_labels": queries.labels.astype(np.uint8),
            "gallery_labels": gallery.labels.astype(np.uint8),
        },
        provenance=_provenance(
            "matdh",
            dataset,
            f"{len(queries)} test pictures ask, {len(gallery)} training pictures answer, {BITS}-bit codes, tie-aware",
        ),
    )


def _classifier(method: str, short: str, layer: str) -> Subject:
    """A network of paper B on pictures encrypted under fresh keys, in blocks of 8."""
    from engine.encrypted_search.classifier import load_classifier, network_input
    from engine.encrypted_search.networks import network_for
    from engine.encrypted_search.pictures import COLLECTION, load_split, read

    network, weights = load_classifier(method, SETTING), network_for(method, SETTING)
    asked, known = (load_split(split) for split in ("test", "train"))
    inputs, training = (network_input(read(SETTING, part.images, part.ids)) for part in (asked, known))
    return Subject(
        short=short,
        title=f"{short} on anatomy pictures encrypted in blocks of 8, a fresh key for each",
        task="classification",
        network=network,
        inputs=inputs.contiguous(memory_format=torch.channels_last),
        calibration=training[spread(len(training))],
        layer=layer,
        read=lambda logits: logits.argmax(1).numpy().astype(np.uint8),
        output=lambda returned: returned,
        known={"classes": np.array(asked.classes), "labels": asked.labels.astype(np.uint8)},
        provenance=_provenance(
            weights,
            load_dataset(COLLECTION),
            f"{len(inputs)} test pictures are classified; each is searched among the others by its features",
        )
        | {"setting": SETTING},
        training=(training, torch.from_numpy(known.labels)),
    )


def _provenance(weights: str, dataset: Dataset, protocol: str) -> dict[str, Any]:
    """Return what figures depend on."""
    file, card = weights_path(weights), read_card(weights)
    return {
        "protocol": protocol,
        "dataset": dataset.name,
        "calibration": f"{CALIBRATION_PICTURES} training pictures, spread evenly over the split",
        "weights": f"{weights}.safetensors",
        "weights_sha256": file_sha256(file),
        "shipped": card["what"],
        "shipped_bytes": file.stat().st_size,
        "training_seed": card["training"]["seed"],
        "data_sha256": data_hash(dataset),
    }


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "matdh": _matdh,
    "vgg16": partial(_classifier, "vgg16", "VGG-16", "classifier.6"),
    "vit": partial(_classifier, "vit", "ViT", "network.heads.head"),
}
