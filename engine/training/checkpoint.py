"""The state of a training run in a file: a run that was stopped goes on as if it had not been."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from engine.errors import VaultError
from engine.files import written_whole

CHECKPOINT = "state.pt"
_log = logging.getLogger(__name__)


class CheckpointError(VaultError):
    """A checkpoint of a run that was planned otherwise."""


class Part(Protocol):
    """What has a state: a network, an optimizer, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take a state over."""


def save_checkpoint(path: Path, parts: Mapping[str, Part], plan: Mapping[str, Any], progress: dict[str, Any]) -> None:
    """Write where a run stands.

    Args:
        path: File, whole or as it was before.
        parts: By name, everything that training changes.
        plan: Plain data that decides what the run computes.
        progress: Plain data: what was measured so far.
    """
    states = {name: part.state_dict() for name, part in parts.items()}
    with written_whole(path) as partial:
        torch.save({"parts": states, "plan": _text(plan), "progress": progress}, partial)


def load_checkpoint(
    path: Path, parts: Mapping[str, Part], plan: Mapping[str, Any], device: torch.device | str = "cpu"
) -> dict[str, Any] | None:
    """Put ``parts`` where a stopped run left them and return its progress; None where there is no file.

    Args:
        path: File of :func:`save_checkpoint`.
        parts: The same names, changed in place.
        plan: Of the run that goes on.
        device: Where the parts lie.

    Raises:
        CheckpointError: The file is of a run with another plan: half of each would be neither.
    """
    if not path.exists():
        return None
    stored = torch.load(path, map_location=device, weights_only=True)
    if stored.get("plan") != _text(plan):
        raise CheckpointError(
            f"The run in {path.parent} was begun with another configuration: finish it with that one, delete the "
            "folder, or choose another --runs folder."
        )
    for name, part in parts.items():
        part.load_state_dict(stored["parts"][name])
    _log.info("resumed from %s", path)
    progress: dict[str, Any] = stored["progress"]
    return progress


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed torch for one epoch: a run that was stopped draws what it would have drawn."""
    torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))


def _text(plan: Mapping[str, Any]) -> str:
    return json.dumps(plan, sort_keys=True)
