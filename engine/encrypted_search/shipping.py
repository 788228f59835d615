"""From a training run to the files that the app reads: small weights, and a card that says where they come from."""

from pathlib import Path
from typing import Any

import numpy as np

from engine.artifacts import commit, machine, weights_path
from engine.datasets import data_hash, load_dataset
from engine.encrypted_search.classifier import predict, read_network
from engine.encrypted_search.networks import NETWORKS, Network, build
from engine.encrypted_search.pictures import COLLECTION, Split, load_split, read
from engine.encrypted_search.storage import save_network
from engine.encrypted_search.training import Report, Training
from engine.errors import VaultError
from engine.files import file_sha256, write_json
from engine.training.run import imagenet_file


def train_network(
    name: str, seed: int, runs: Path, epochs: int | None = None, report: Report | None = None
) -> Training:
    """Train a network on the anatomy collection; resumes by itself.

    Args:
        name: Key of ``NETWORKS``.
        seed: Of everything random.
        runs: Folder of resumable runs.
        epochs: Instead of the recipe's.
        report: Called with the figures of each epoch.

    Returns:
        The finished training.

    Raises:
        VaultError: The pictures or ImageNet's base are not on this machine.
    """
    imagenet = imagenet_file()
    if NETWORKS[name].recipe.imagenet and not imagenet.exists():
        raise VaultError(
            f"VGG-16's ImageNet base is not here: put it at {imagenet}, or name its folder in CXR_VAULT_PRETRAINED."
        )
    training = Training(name, load_split("train"), load_split("val"), runs / f"{name}-{seed}", seed, imagenet, epochs)
    training.run(report)
    return training


def ship_network(name: str, training: Training, folder: Path | None = None) -> dict[str, Any]:
    """Write the best weights in int8 with their card, which says what the small file costs on validation pictures.

    Args:
        name: Key of ``NETWORKS``.
        training: A finished one.
        folder: Where to; ``models/weights`` when None.

    Returns:
        The card.
    """
    from safetensors.torch import load_file

    network, path = NETWORKS[name], weights_path(name, folder)
    exact = build(network.method, network.arguments)
    exact.load_state_dict(load_file(training.folder / "best.safetensors"))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_network(exact.state_dict(), path)
    card = _card(network, training, path)
    # The file is not read without its card.
    write_json(path.with_suffix(".json"), card)
    stored = read_network(name, folder)
    card["validation_right"] = {
        setting: [_right(kind.eval(), setting, training.validation) for kind in (exact, stored)]
        for setting in network.recipe.settings
    } | {"columns": ["float32", "as stored"], "pictures": len(training.validation.labels)}
    write_json(path.with_suffix(".json"), card)
    return card


def _card(network: Network, training: Training, weights: Path) -> dict[str, Any]:
    """Say what the file is and where it comes from."""
    return {
        "method": network.method,
        "arguments": dict(network.arguments),
        "serves": list(network.serves),
        "what": f"{network.method}: weights in int8 with a scale for each output channel, the rest in float16",
        "note": network.note,
        "file_sha256": file_sha256(weights),
        "bytes": weights.stat().st_size,
        "licence": "Apache-2.0" + ("; ImageNet base CC BY 4.0" if network.recipe.imagenet else ""),
        "data": "anatomy, training split; validation split for selection",
        "training": {
            "recipe": vars(network.recipe),
            "seed": training.seed,
            "epochs_run": len(training.history),
            "data_sha256": data_hash(load_dataset(COLLECTION)),
            "commit": commit(),
            "machine": machine(),
        },
        "history": training.history,
    }


def _right(network: Any, setting: str, pictures: Split) -> int:
    return int(np.sum(predict(network, read(setting, pictures.images, pictures.ids)).labels == pictures.labels))
