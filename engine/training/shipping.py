"""From a finished run to shipped weights: hash heads, fp16, and a card that says from which data, how and by whom."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.artifacts import weights_path
from engine.datasets import load_dataset
from engine.datasets.tasks import find_task
from engine.files import file_sha256, write_json, written_whole
from engine.hashing.keeps import DEFAULT, KEEPS, head_name
from engine.hashing.methods import METHODS
from engine.training.pictures import FramedPictures, framed_pictures
from engine.training.run import Run, left_in

if TYPE_CHECKING:
    from torch import Tensor


def ship(run: Run, folder: Path | None = None) -> Path:
    """Write a run's best weights as fp16, with its card.

    Args:
        run: The run.
        folder: Where to; ``models/weights`` when None.

    Returns:
        The weights' path.
    """
    from safetensors.torch import load_file, save_file

    best = load_file(run.weights)
    if run.config.kept:
        best = between(best, load_file(weights_path(run.config.start)), run.config.kept)
    if run.config.heads == "fitted":
        best |= fitted_heads(run, best)
    state = {name: value.half() if value.is_floating_point() else value for name, value in best.items()}
    path = weights_path(run.method, folder)
    seen = {
        "side": str(run.config.side),
        "encoder": run.config.encoder,
        "enhanced": str(run.config.enhanced),
        "margin": str(run.config.frame_margin),
    }
    with written_whole(path) as partial:
        save_file(state, partial, {"method": run.method, **seen})
    write_json(path.with_suffix(".json"), _card(run, path))
    return path


def between(best: dict[str, "Tensor"], start: dict[str, "Tensor"], kept: float) -> dict[str, "Tensor"]:
    """Return the weights between a run's and those it started from; hash heads stay the run's.

    Args:
        best: The run's, float32.
        start: Of the same encoder.
        kept: Share of the start's weights, 0 to 1.

    Example:
        >>> import torch
        >>> between({"w": torch.ones(1)}, {"w": torch.zeros(1)}, 0.25)["w"].item()
        0.75
    """
    return {
        name: value.lerp(start[name].float(), kept)
        if value.is_floating_point() and not name.startswith("heads.")
        else value
        for name, value in best.items()
    }


def fitted_heads(run: Run, best: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Fit hash heads on what the best network says of its training pictures, for every length and every share.

    Args:
        run: The run.
        best: Its best weights.

    Returns:
        Names and values of the heads: the default ones under the trained heads' own names, every other share's under
        ``engine.hashing.keeps.head_name``.
    """
    import torch

    from engine.hashing.heads import fit_head
    from engine.training.trainer import framed_outputs
    from models.hashing import build_network
    from models.network import CODE_LENGTHS

    network = build_network(run.config.encoder, run.config.attentions).eval()
    network.load_state_dict(best)
    features = framed_outputs(network, training_pictures(run), run.config)[0]
    found = {}
    for keeps, share in KEEPS.items():
        for bits in CODE_LENGTHS:
            head = fit_head(features, bits=bits, flatten=share.flatten)
            name = f"heads.{bits}" if keeps == DEFAULT else head_name(keeps, bits)
            found[f"{name}.weight"] = torch.from_numpy(head.weights.T.copy())
            found[f"{name}.bias"] = torch.from_numpy(head.offsets - head.mean @ head.weights)
    return found


def training_pictures(run: Run) -> FramedPictures:
    """Return the pictures that a run was trained on."""
    dataset = load_dataset(find_task(run.config.task).collection).subset("train")
    pictures = framed_pictures(dataset, run.config.side, run.config.frame_margin)
    return pictures.kept(left_in(pictures, run.config))


def _card(run: Run, path: Path) -> dict[str, object]:
    method, collection = METHODS[run.method], find_task(run.config.task).collection
    return {
        "what": f"{method.title} with {method.ends_in}; what only training needs left out; fp16",
        "network": method.scaled,
        "file_sha256": file_sha256(path),
        "bytes": path.stat().st_size,
        "licence": "Apache-2.0",
        "data": f"{collection}, training split; validation split for selection",
        "training": {
            "preset": run.preset,
            "seed": run.config.seed,
            "config": run.config.as_dict(),
            "epochs_run": len(run.history),
            "best_validation_score": run.best_score,
            "data_sha256": run.data_sha256,
            "teacher": run.teacher,
            "commit": run.commit,
            "machine": run.machine,
        },
        "history": run.history,
    }
