"""Tiny networks with everything that real ones have."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.studies.quantization.subjects import Subject


class TinyCnn(nn.Module):
    """Pixels 0..255, centred block by block; a slice of its classifier gives its features, as in our VGG-16."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(4)
        )
        self.classifier = nn.Sequential(nn.Linear(32, 16), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(16, 3))

    def forward(self, x: Tensor) -> Tensor:
        level = functional.interpolate(functional.avg_pool2d(x, 4), scale_factor=4, mode="nearest")
        return self.classifier[-1](self.classifier[:-1](self.features((x - level) / 64).flatten(1)))


class TinyTransformer(nn.Module):
    """One attention layer between two dense ones."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.embed(x))
        return self.head((x + self.attention(x, x, x, need_weights=False)[0]).mean(1))


def cnn(seed: int = 0) -> tuple[TinyCnn, Tensor]:
    """Return a network and 40 inputs."""
    torch.manual_seed(seed)
    network = TinyCnn()
    inputs = torch.rand(40, 3, 8, 8) * 255
    # Batch statistics unlike 0 and 1, so that folding them in can go wrong.
    network(inputs)
    return network.eval(), inputs


def transformer(seed: int = 0) -> tuple[TinyTransformer, Tensor]:
    """Return a network and 40 inputs."""
    torch.manual_seed(seed)
    return TinyTransformer().eval(), torch.randn(40, 5, 6)


class TinySearcher(nn.Module):
    """Returns features and logits, as networks that are searched with do."""

    def __init__(self) -> None:
        super().__init__()
        self.network = TinyCnn()

    def stem(self, x: Tensor) -> Tensor:
        level = functional.interpolate(functional.avg_pool2d(x, 4), scale_factor=4, mode="nearest")
        return (x - level) / 64

    def finish(self, maps: Tensor) -> Tensor:
        return self.network.classifier[:-1](self.network.features(maps).flatten(1))

    def classify(self, features: Tensor) -> Tensor:
        return self.network.classifier[-1](features)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.finish(self.stem(x))
        return features, self.classify(features)


def subject(task: str, seed: int = 0) -> Subject:
    """Return a tiny network to measure: 12 queries and 28 gallery pictures, or 40 to classify."""
    torch.manual_seed(seed)
    network = TinySearcher()
    inputs = torch.rand(40, 3, 8, 8) * 255
    network(inputs)
    labels = np.arange(40) % 3
    split = {"query_labels": labels[:12], "gallery_labels": labels[12:]}
    return Subject(
        short=f"tiny, {task}",
        title="a tiny network",
        task=task,
        network=network.eval(),
        inputs=inputs,
        calibration=inputs[:16],
        layer="network.classifier.3",
        read=_signs if task == "retrieval" else _largest,
        output=lambda returned: returned,
        known={"classes": np.array(["a", "b", "c"])} | (split if task == "retrieval" else {"labels": labels}),
        provenance={"protocol": "made up"},
        training=(inputs, torch.from_numpy(labels)) if task == "classification" else None,
    )


def _signs(logits: Tensor) -> np.ndarray:
    return np.packbits((logits >= logits.mean(1, keepdim=True)).numpy(), axis=1)


def _largest(logits: Tensor) -> np.ndarray:
    return logits.argmax(1).numpy().astype(np.uint8)
