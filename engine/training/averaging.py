"""The moving average of a network's weights: what is validated and shipped."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float, steps: int) -> None:
    """Move every weight and running statistic of ``average`` towards ``network``.

    Args:
        average: Changed in place.
        network: Of the same architecture.
        decay: How much of the average stays, once it is warm.
        steps: Steps taken so far: early on the average would remember the random start, so its decay grows with them.
    """
    decay = min(decay, (1 + steps) / (10 + steps))
    kept, current = list(average.state_dict().values()), list(network.state_dict().values())
    floating = [value.dtype.is_floating_point for value in kept]
    torch._foreach_lerp_(
        [value for value, moves in zip(kept, floating, strict=True) if moves],
        [value for value, moves in zip(current, floating, strict=True) if moves],
        1 - decay,
    )
    for value, new, moves in zip(kept, current, floating, strict=True):
        if not moves:
            value.copy_(new)
