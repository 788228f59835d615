"""What is left of other masks, decoys and coarser distances, against masks and codes that are known here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.defences import codes_from_distances, crossed_decoys, random_decoys, recover_doubtful
from engine.hashing.codes import hamming_distances, unpack_bits
from engine.retrieval import CodeMask


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_a_mask_is_found_though_some_pairs_are_wrong(seed, wrong):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (60, 4), np.uint8)
    masked = CodeMask.derive(rng.bytes(32), salt=b"", bits=32).apply(codes)
    paired = codes.copy()
    paired[:wrong] = np.roll(paired[:wrong], 1, axis=0)
    assert np.array_equal(recover_doubtful(paired, masked).remove(masked), codes)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_exact_distances_give_codes_away_and_coarser_ones_with_more_questions(seed, width):
    rng = np.random.default_rng(seed)
    codes, asked = rng.integers(0, 256, (5, 2), np.uint8), rng.integers(0, 256, (400, 2), np.uint8)
    distances = hamming_distances(asked, codes).astype(float)
    assert np.array_equal(codes_from_distances(asked, distances), codes)
    right = (unpack_bits(codes_from_distances(asked, distances // width)) == unpack_bits(codes)).mean()
    assert right > 0.9


@pytest.mark.parametrize("draw", [random_decoys, crossed_decoys])
def test_decoys_are_as_many_as_asked_for_and_of_the_codes_length(draw):
    codes = np.random.default_rng(0).integers(0, 256, (20, 6), np.uint8)
    decoys = draw(codes, 55, np.random.default_rng(1))
    assert (decoys.shape, decoys.dtype) == ((55, 6), np.uint8)


def test_crossed_decoys_keep_what_all_codes_share():
    codes = np.random.default_rng(0).integers(0, 256, (20, 2), np.uint8) & 0b10101010 | 0b00000001
    decoys = crossed_decoys(codes, 200, np.random.default_rng(1))
    assert (decoys & 1 == 1).all()
    assert not (decoys & 0b01010100).any()
