"""Quantize, then fine-tune: the order of paper B's Algorithm 3."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.quantization.layers import float_copy, weight_layers
from engine.quantization.modes import quantize
from engine.quantization.observers import Mode

EPOCHS = 2
LEARNING_RATE = 1e-4
BATCH = 50
Progress = Callable[[int, int], None]


def quantize_then_tune(
    network: nn.Module, stems: Tensor, labels: Tensor, mode: Mode | None, *, epochs: int = EPOCHS, seed: int = 0
) -> nn.Module:
    """Quantize the last layer, freeze it, and train the layers between stem and last layer on (paper B Algorithm 3).

    The paper does not say how int8 weights are trained. Here they stay as they were rounded, and the layers before
    learn to live with them.

    Args:
        network: A classifier with ``finish`` and ``classify``, trained; it is left as it is.
        stems: ``(N, ...)`` what its ``stem`` makes of training pictures.
        labels: ``(N,)`` int64 classes.
        mode: How the last layer is quantized; None trains on with the float layer frozen, as a control.
        epochs: Passes over the pictures.
        seed: Of order and dropout.

    Returns:
        The tuned copy, in evaluation mode.
    """
    tuned = float_copy(network) if mode is None else quantize(network, mode)
    last = list(weight_layers(network, "last"))
    for name, parameter in tuned.named_parameters():
        parameter.requires_grad_(not any(name.startswith(f"{layer}.") for layer in last))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _train(tuned, stems, labels, epochs)
    return tuned.eval().requires_grad_(False)


def _train(network: nn.Module, stems: Tensor, labels: Tensor, epochs: int) -> None:
    network.train()
    steps = epochs * -(-len(labels) // BATCH)
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network.classify(network.finish(stems[chosen]))  # type: ignore[operator]
            loss = functional.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()


def stem_of(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return what the network's stem makes of pictures, computed batch by batch in bfloat16, as it was in training.

    Args:
        network: With a ``stem``.
        pictures: ``(N, C, H, W)``.
    """
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        return torch.cat([network.stem(part).float() for part in pictures.split(BATCH)])  # type: ignore[operator]
