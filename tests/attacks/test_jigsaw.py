import numpy as np
import pytest

from engine.attacks.jigsaw import cut, join, reassemble, shuffle_blocks, solve
from engine.attacks.outcome import judge
from engine.encryption import MultiStageCipher, generate_key
from tests.attacks.subjects import noise, xrays


def test_cutting_and_joining_are_inverse():
    picture = noise(24, 32)
    assert np.array_equal(join(cut(picture, 8), 4), picture)
    assert np.array_equal(cut(picture, 8)[1], picture[:8, 8:16])


@pytest.mark.parametrize("block_size", [32, 64])
def test_a_shuffle_of_large_blocks_is_undone(block_size):
    picture = xrays(1, 320, 384)[0]
    order = np.random.default_rng().permutation(picture.size // block_size**2)
    shuffled = shuffle_blocks(picture, block_size, order)
    found = solve(shuffled, block_size)
    across = picture.shape[1] // block_size
    assert right_neighbours(order[found], np.arange(len(order)), across) > 0.95
    assert judge(reassemble, shuffled, block_size, truth=picture, queries=1).score > 0.95


def test_every_block_is_used_once_even_where_nothing_fits():
    assert np.array_equal(np.sort(solve(noise(40, 48), 8)), np.arange(30))


@pytest.mark.parametrize("stage", ["shuffled", "swapped"])
def test_scrambled_pixels_and_masked_values_resist(stage):
    picture = xrays(1, 320, 384)[0]
    sealed = MultiStageCipher(generate_key(), 32).stages(picture)[stage][..., 0]
    assert judge(reassemble, sealed, 32, truth=picture, queries=1).score < 0.3


def right_neighbours(found: np.ndarray, truth: np.ndarray, across: int) -> float:
    """Share of neighbouring pairs that stand together in both orders of the pieces."""
    pairs = [_pairs(order.reshape(-1, across)) for order in (found, truth)]
    return len(pairs[0] & pairs[1]) / max(1, len(pairs[1]))


def _pairs(order: np.ndarray) -> set[tuple[int, int, int]]:
    beside = zip(order[:, :-1].reshape(-1), order[:, 1:].reshape(-1), strict=True)
    below = zip(order[:-1].reshape(-1), order[1:].reshape(-1), strict=True)
    return {(0, int(a), int(b)) for a, b in beside} | {(1, int(a), int(b)) for a, b in below}
