import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.block_statistics import block_samples, digests, features, flat_map, spectra, xor_agreement
from engine.attacks.outcome import AttackError
from engine.encryption import MultiStageCipher, generate_key
from tests.attacks.subjects import noise, xrays

SIDES = st.integers(1, 30)


@given(height=SIDES, width=SIDES, block_size=st.integers(1, 12))
def test_every_sample_is_in_one_block(height, width, block_size):
    groups = block_samples(height, width, block_size)
    numbers = np.concatenate([group.reshape(-1) for group in groups])
    assert np.array_equal(np.sort(numbers), np.arange(height * width * 3))


@given(height=SIDES, width=SIDES, block_size=st.integers(1, 12))
def test_a_row_is_one_channel_of_one_block(height, width, block_size):
    for group in block_samples(height, width, block_size):
        pixel, channel = np.divmod(group, 3)
        row, column = np.divmod(pixel, width)
        for fact in (channel, row // block_size, column // block_size):
            assert (fact == fact[:, :1]).all()


def shuffled_and_masked(blocks):
    rng = np.random.default_rng()
    masks = rng.integers(0, 256, (blocks.shape[1], 1)).astype(np.uint8)
    order = rng.permuted(np.tile(np.arange(blocks.shape[2]), (blocks.shape[1], 1)), axis=1)
    return np.take_along_axis(blocks, order[None], axis=2) ^ masks, masks[:, 0]


@pytest.mark.parametrize("pixels", [1, 4, 64])
@pytest.mark.parametrize("count", [1, 3])
def test_digests_survive_the_cipher_and_tell_blocks_apart(pixels, count):
    blocks = noise(count, 200, pixels)
    names = digests(blocks)
    assert np.array_equal(digests(shuffled_and_masked(blocks)[0]), names)
    if pixels > 1 or count > 1:
        assert len(np.unique(names)) > 190


def test_the_true_mask_makes_most_values_agree():
    blocks = noise(1, 300, 64) >> 3  # few levels, so that values repeat
    moved, masks = shuffled_and_masked(blocks)
    agreement = xor_agreement(blocks[0], moved[0])
    assert np.array_equal(agreement.argmax(axis=1), masks)
    expected = (blocks[0][0][:, None] ^ moved[0][0] == masks[0]).sum()
    assert agreement[0, masks[0]] == expected


@pytest.mark.parametrize("pixels", [1, 50, 64, 65, 300])
def test_spectra_are_walsh_hadamard_transforms_of_histograms(pixels):
    from scipy.linalg import hadamard

    block = noise(1, pixels)
    assert np.array_equal(spectra(block)[0], hadamard(256) @ np.bincount(block[0], minlength=256))


@pytest.mark.parametrize("block_size", [2, 8, 16])
def test_features_do_not_depend_on_the_key_when_masks_hide_levels(block_size):
    picture = xrays(1, 64, 64)[0]
    one, other = (MultiStageCipher(generate_key(), block_size).encrypt(picture) for _ in range(2))
    spread = slice(0, 8 * 32)
    assert np.allclose(features(one, block_size)[spread], features(other, block_size)[spread])


def test_flat_blocks_are_drawn_flat():
    picture = noise(32, 32)
    picture[:16] = 7
    activity = flat_map(MultiStageCipher(generate_key(), 8).encrypt(picture), 8)
    assert activity.shape == (32, 32)
    assert np.count_nonzero(activity == 0) == 512
    assert activity.max() > 0.5


@pytest.mark.parametrize(("height", "width", "block_size"), [(16, 24, 8), (11, 13, 4), (7, 9, 1)])
def test_activity_is_the_rarer_share_of_every_bit(height, width, block_size):
    picture, expected = noise(height, width, 3) & noise(height, width, 3), np.zeros((height, width))
    for top in range(0, height, block_size):
        for left in range(0, width, block_size):
            place = slice(top, top + block_size), slice(left, left + block_size)
            ones = (picture[place][..., None] >> np.arange(8) & 1).mean(axis=(0, 1))
            expected[place] = (2 * np.minimum(ones, 1 - ones)).mean()
    assert np.allclose(flat_map(picture, block_size), expected)


def test_anything_but_pictures_is_refused():
    with pytest.raises(AttackError, match="uint8"):
        features(np.zeros((8, 8, 3)), 8)
