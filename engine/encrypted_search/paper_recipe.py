"""Paper B's classifier as its Tables III and IV describe it, on the pixels that encryption leaves.

VGG-16 from ImageNet, cross-entropy, Adam at 0.001, batches of 32, 100 epochs, no schedule, no augmentation, the last
epoch's weights. The paper does not say which layers learn: here the convolutional base keeps ImageNet's weights and
the dense layers learn, because a step of 0.001 destroys a base without batch normalisation. 64 pixels leave a 2x2
map, which torchvision's 7x7 grid would only repeat. Dense layers have 1024 neurons instead of 4096: at 4096 one cell
takes 18 minutes of a processor core, at 1024 two.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.encrypted_search.classifier import BATCH, Prediction, network_input

if TYPE_CHECKING:
    from torch import Tensor

    from models.vgg16 import VGG16


@dataclass(frozen=True)
class PaperRecipe:
    """Hyperparameters of paper B (Tables III and IV), and the width that was affordable.

    Attributes:
        learning_rate: Of Adam.
        batch: Pictures a step.
        epochs: Passes over the training split.
        width: Neurons of each hidden dense layer; the paper's has 4096.
        cells: Side of the grid that the last map is pooled to.
        dropout: Share of dense activations dropped in training.
    """

    learning_rate: float = 1e-3
    batch: int = 32
    epochs: int = 100
    width: int = 1024
    cells: int = 2
    dropout: float = 0.5


RECIPE = PaperRecipe()


def paper_network(base: Path, recipe: PaperRecipe = RECIPE, seed: int = 0) -> "VGG16":
    """Return VGG-16 with ImageNet's base and untrained dense layers.

    Args:
        base: File of ImageNet's VGG-16 base.
        recipe: Which widths.
        seed: Of the dense layers.
    """
    import torch

    from models.vgg16 import VGG16

    torch.manual_seed(seed)
    network = VGG16(3, recipe.width, recipe.cells, recipe.dropout)
    network.load_imagenet(base)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def base_features(network: "VGG16", pictures: np.ndarray) -> "Tensor":
    """Pass pictures through the frozen convolutional base.

    Args:
        network: From :func:`paper_network`.
        pictures: ``(N, H, W, 3)`` uint8, encrypted or not.

    Returns:
        ``(N, 512 * cells^2)`` float32.
    """
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            batch = network_input(pictures[start : start + BATCH]).to(memory_format=torch.channels_last)
            found.append(network.avgpool(network.features(batch - network.mean)).flatten(1))
    return torch.cat(found)


def train_dense(
    network: "VGG16",
    features: "Tensor",
    labels: np.ndarray,
    recipe: PaperRecipe = RECIPE,
    seed: int = 0,
    report: Callable[[int], None] | None = None,
) -> dict[str, list[float]]:
    """Train the dense layers in place, as the tables say.

    Args:
        network: From :func:`paper_network`.
        features: ``(N, 512 * cells^2)`` float32 from :func:`base_features`.
        labels: ``(N,)`` int64.
        recipe: How.
        seed: Of order and dropout.
        report: Called after each epoch with how many are done.

    Returns:
        ``loss`` and ``train_accuracy`` of each epoch.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(network.classifier.parameters(), recipe.learning_rate, fused=True)
    truth = torch.from_numpy(labels)
    history: dict[str, list[float]] = {"loss": [], "train_accuracy": []}
    network.classifier.train()
    for epoch in range(recipe.epochs):
        total, right = 0.0, 0
        for chosen in torch.randperm(len(truth)).split(recipe.batch):
            logits = network.classifier(features[chosen])
            loss = functional.cross_entropy(logits, truth[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
            right += int((logits.argmax(1) == truth[chosen]).sum())
        history["loss"].append(total / len(truth))
        history["train_accuracy"].append(right / len(truth))
        if report is not None:
            report(epoch + 1)
    return history


def predict_dense(network: "VGG16", features: "Tensor") -> Prediction:
    """Classify by what the base gave: probabilities, and the second dense layer's activations to search by."""
    import torch

    network.classifier.eval()
    with torch.inference_mode():
        dense = network.classifier[:-1](features)
        logits = network.classify(dense)
    return Prediction(logits.softmax(dim=1).numpy(), dense.numpy())
