"""A store remembers which encoder made its codes: those of another one are no nearer than chance."""

import pytest

from engine.retrieval import DataOwner, StoreError
from tests.retrieval.conftest import BlockHasher


def hasher_of(weights: bytes) -> BlockHasher:
    hasher = BlockHasher()
    hasher.fingerprint = weights  # type: ignore[attr-defined]
    return hasher


def test_a_store_refuses_other_weights_of_its_encoder(key, server, pictures):
    list(DataOwner(key, server, hasher_of(b"last release")).upload(pictures))
    with pytest.raises(StoreError, match="other weights of this one"):
        _ = DataOwner(key, server, hasher_of(b"this release")).hasher
    assert DataOwner(key, server, hasher_of(b"last release")).hasher is not None


def test_a_store_that_does_not_say_its_encoder_is_not_searched_with_one_that_does(key, server, pictures):
    list(DataOwner(key, server, BlockHasher()).upload(pictures))
    with pytest.raises(StoreError, match="does not say which encoder"):
        _ = DataOwner(key, server, hasher_of(b"this release")).hasher
