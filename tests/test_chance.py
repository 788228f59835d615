import secrets

import numpy as np
import torch

from engine.encryption import generate_key
from tests import chance


def draws():
    return (
        generate_key(),
        secrets.token_hex(4),
        secrets.randbelow(10**9),
        secrets.SystemRandom().sample(range(100), 100),
        np.random.default_rng().integers(0, 1 << 60, 4).tolist(),
        torch.rand(4).tolist(),
    )


def test_what_a_test_draws_follows_from_its_name(request):
    here = draws()
    chance.begin("another test")
    elsewhere = draws()
    chance.begin(request.node.nodeid)
    assert draws() == here
    assert all(one != other for one, other in zip(here, elsewhere, strict=True))


def test_draws_differ_from_one_to_the_next():
    assert all(one != other for one, other in zip(draws(), draws(), strict=True))


def test_a_seed_that_is_given_is_kept():
    assert np.random.default_rng(5).integers(1 << 60) == np.random.Generator(np.random.PCG64(5)).integers(1 << 60)
