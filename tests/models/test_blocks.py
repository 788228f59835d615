"""What a block-wise cipher leaves: the same for every key, and nothing where blocks are single pixels."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import MultiStageCipher
from models import blocks
from models.blocks import canonical_blocks, join_blocks, split_blocks


def _channels_first(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def test_splitting_lists_the_pixels_of_each_block_row_by_row():
    picture = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)
    blocks = split_blocks(picture, 2)
    assert blocks.shape == (2, 3, 6, 4)
    assert blocks[1, 2, 4].tolist() == picture[1, 2, 2:4, 2:4].flatten().tolist()
    assert torch.equal(join_blocks(blocks, 2, 6), picture)


@settings(max_examples=30)
@given(
    st.sampled_from([1, 2, 4, 8]),
    st.binary(min_size=32, max_size=32),
    st.sampled_from([0, 63, 255]),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_no_key_changes_it(side, key, substitution, seed, coloured):
    draw = np.random.default_rng(seed)
    # Few levels, so that blocks of equal sums, where only the hash decides, are common.
    pictures = draw.integers(0, 6, (2, 16, 24, 3 if coloured else 1), dtype=np.uint8).repeat(1 if coloured else 3, -1)
    cipher = MultiStageCipher(key, side, substitution, "fresh")
    encrypted = cipher.encrypt_batch(pictures, [1, 2])
    assert torch.equal(
        canonical_blocks(_channels_first(encrypted), side), canonical_blocks(_channels_first(pictures), side)
    )


def test_agrees_with_a_loop_over_every_reference():
    draw = np.random.default_rng(0)
    picture = draw.integers(0, 256, (1, 1, 4, 4), dtype=np.uint8)
    found = split_blocks(canonical_blocks(torch.from_numpy(picture), 2), 2)[0, 0].tolist()
    wanted = []
    for block in split_blocks(torch.from_numpy(picture), 2)[0, 0].tolist():
        candidates = [sorted(value ^ reference for value in block) for reference in block]
        wanted.append(min(candidates, key=sum))
    assert found == sorted(wanted, key=sum)


@pytest.mark.parametrize("side", [2, 8, 16])
@pytest.mark.parametrize("levels", [2, 6, 256])
def test_histograms_find_what_comparing_pixels_finds(side, levels, monkeypatch):
    pictures = torch.randint(0, levels, (2, 3, 32, 48), dtype=torch.uint8)
    found = []
    for limit in (0, side**2 + 1):
        monkeypatch.setattr(blocks, "MANY", limit)
        found.append(canonical_blocks(pictures, side))
    assert torch.equal(*found)


def test_order_inside_a_block_does_not_matter():
    block = [7, 90, 13, 200]
    found = {
        tuple(canonical_blocks(torch.tensor(order, dtype=torch.uint8).view(1, 1, 2, 2), 2).flatten().tolist())
        for order in permutations(block)
    }
    assert len(found) == 1


def test_nothing_is_left_of_single_pixels():
    picture = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    assert not canonical_blocks(picture, 1).any()


@pytest.mark.parametrize("side", [2, 4, 8])
def test_a_flat_picture_leaves_nothing(side):
    assert not canonical_blocks(torch.full((1, 3, 16, 16), 200, dtype=torch.uint8), side).any()
