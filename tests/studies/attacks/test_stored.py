import numpy as np
import pytest

from engine.hashing.codes import pack_bits
from engine.studies.attacks import stored
from engine.studies.attacks.codes import BITS
from tests.attacks.subjects import collection


@pytest.fixture
def hashed():
    """Pictures of two kinds, and codes that tell the kind with a few bits wrong."""
    pictures, labels, splits = collection()
    rng = np.random.default_rng()
    prototypes = rng.random((2, BITS)) < 0.5
    spread = np.array([0.02, 0.12])
    codes = pack_bits(prototypes[labels] ^ (rng.random((len(labels), BITS)) < spread[labels, None]))
    return codes, pictures, labels, splits


@pytest.mark.parametrize("form", ["plain", "masked"])
def test_codes_find_through_a_mask_and_tell_the_kind_through_a_mask(hashed, form):
    codes, pictures, labels, splits = hashed
    row = stored.measure_codes(codes, form, pictures, labels, splits)
    assert row["labelled"].mean() > 0.95
    assert row["advantage"]["kind"] > 0.9
    assert row["advantage"]["confirm"] > 0.4
    assert row["advantage"]["opened"] < 0.4


def test_codes_that_say_nothing_leak_nothing(hashed):
    _, pictures, labels, splits = hashed
    codes = np.zeros((len(labels), BITS // 8), np.uint8)
    for form in ("plain", "masked"):
        row = stored.measure_codes(codes, form, pictures, labels, splits)
        assert max(row["advantage"].values()) == 0
