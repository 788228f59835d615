"""Chance that repeats: what a test draws without a seed follows from the test's own name.

A failure can then be had again, and a bound that holds for all but one key in a thousand holds in every run.
"""

import random
import secrets
import sys

import numpy as np
import pytest

_draws = random.Random(0)
_default_rng = np.random.default_rng


def begin(name: str) -> None:
    """Start the stream of draws that belongs to ``name``, torch's own included where torch is loaded."""
    _draws.seed(name)
    random.seed(name)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(_draws.getrandbits(63))


def replace(patch: pytest.MonkeyPatch) -> None:
    """Let every source of unseeded randomness that the product or a test uses draw from that stream."""
    patch.setattr(secrets, "token_bytes", lambda count=32: _draws.randbytes(count))
    patch.setattr(secrets, "randbelow", _draws.randrange)
    patch.setattr(secrets, "SystemRandom", lambda: _draws)
    patch.setattr(
        np.random, "default_rng", lambda seed=None: _default_rng(_draws.getrandbits(128) if seed is None else seed)
    )
