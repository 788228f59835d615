import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.encryption import CipherError, MultiStageCipher, generate_key

KEY = bytes(range(32))
SIDES, BLOCKS = st.integers(1, 40), st.integers(1, 64)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def blocks_of(picture, size):
    """Every block of a picture as its own array, row by row, edge blocks included."""
    height, width = picture.shape[:2]
    return [picture[y : y + size, x : x + size] for y in range(0, height, size) for x in range(0, width, size)]


@given(
    height=SIDES,
    width=SIDES,
    block_size=BLOCKS,
    substitution=st.integers(0, 255),
    policy=st.sampled_from(["shared", "fresh"]),
    gray=st.booleans(),
    key=st.binary(min_size=32, max_size=32),
)
def test_every_picture_comes_back(height, width, block_size, substitution, policy, gray, key):
    picture = noise((height, width) if gray else (height, width, 3))
    cipher = MultiStageCipher(key, block_size, substitution, policy)
    scrambled = cipher.encrypt(picture, "a")
    assert scrambled.shape == (height, width, 3)
    assert scrambled.dtype == np.uint8
    expected = np.repeat(picture[..., None], 3, axis=2) if gray else picture
    fresh = MultiStageCipher(key, block_size, substitution, policy)
    assert np.array_equal(fresh.decrypt(scrambled, "a"), expected)


@pytest.mark.parametrize("block_size", [1, 3, 8, 16, 64])
@pytest.mark.parametrize("shape", [(64, 64), (20, 35), (5, 70)])
def test_schedule_moves_every_sample_once(block_size, shape):
    schedule = MultiStageCipher(KEY, block_size).schedule(*shape)
    assert np.array_equal(np.sort(schedule.source), np.arange(shape[0] * shape[1] * 3))


@pytest.mark.parametrize("block_size", [1, 4, 7, 8, 64])
@pytest.mark.parametrize("shape", [(32, 32, 3), (21, 37, 3)])
def test_each_stage_does_what_algorithm_1_says(block_size, shape):
    stages = MultiStageCipher(KEY, block_size).stages(noise(shape))
    assert list(stages) == ["original", "scrambled", "shuffled", "substituted", "swapped"]
    cut = {name: blocks_of(picture, block_size) for name, picture in stages.items()}

    for before, after in zip(cut["original"], cut["scrambled"], strict=True):
        assert np.array_equal(np.sort(before.reshape(-1, 3), axis=0), np.sort(after.reshape(-1, 3), axis=0))

    assert sorted(b.shape + tuple(b.ravel()) for b in cut["scrambled"]) == sorted(
        b.shape + tuple(b.ravel()) for b in cut["shuffled"]
    )

    for before, after in zip(cut["shuffled"], cut["substituted"], strict=True):
        assert (np.ptp((before ^ after).reshape(-1, 3), axis=0) == 0).all()

    for before, after in zip(cut["substituted"], cut["swapped"], strict=True):
        one, other = (sorted(map(tuple, block.reshape(-1, 3).T.tolist())) for block in (before, after))
        assert one == other


def test_last_stage_is_the_result_and_schedule_explains_it():
    picture, cipher = noise((24, 40, 3)), MultiStageCipher(KEY, 8)
    scrambled, schedule = cipher.encrypt(picture), cipher.schedule(24, 40)
    assert np.array_equal(cipher.stages(picture)["swapped"], scrambled)
    assert np.array_equal(picture.ravel()[schedule.source] ^ schedule.mask, scrambled.ravel())


def test_flat_blocks_stay_flat():
    """Why such pictures can be searched, and what leaks."""
    levels = noise((8, 8))
    picture = np.kron(levels, np.ones((8, 8), np.uint8))
    for block in blocks_of(MultiStageCipher(KEY, 8).encrypt(picture), 8):
        assert (np.ptp(block.reshape(-1, 3), axis=0) == 0).all()


@pytest.mark.parametrize("substitution", [0, 1, 100, 128, 192, 255])
def test_masks_cover_exactly_their_range(substitution):
    masks = MultiStageCipher(KEY, 1, substitution).schedule(64, 64).mask
    assert masks.min() == 0
    assert masks.max() == substitution
    assert abs(masks.mean() - substitution / 2) <= substitution * 0.02


def test_shuffles_are_even():
    """Where does the first pixel of a 2 x 2 block come from? From each of the four, equally often."""
    picture = np.tile(np.array([[0, 1], [2, 3]], np.uint8), (100, 100))
    scrambled = MultiStageCipher(KEY, 2).stages(picture)["scrambled"]
    counts = np.bincount(scrambled[::2, ::2].ravel())
    assert ((counts - 7500) ** 2 / 7500).sum() < 30.7  # chi-square, 3 degrees of freedom, 1 in 10^6


def test_channels_and_blocks_have_their_own_permutation():
    picture = np.tile(np.arange(64, dtype=np.uint8).reshape(8, 8), (4, 4))
    scrambled = MultiStageCipher(KEY, 8).stages(picture)["scrambled"]
    orders = {tuple(block[..., channel].ravel()) for block in blocks_of(scrambled, 8) for channel in range(3)}
    assert len(orders) == 48


def test_shared_key_repeats_and_fresh_key_does_not():
    picture = noise((16, 16))
    shared, fresh = MultiStageCipher(KEY, 4), MultiStageCipher(KEY, 4, policy="fresh")
    assert np.array_equal(shared.encrypt(picture, "a"), shared.encrypt(picture, "b"))
    assert np.array_equal(fresh.encrypt(picture, "a"), fresh.encrypt(picture, b"a"))
    assert not np.array_equal(fresh.encrypt(picture, "a"), fresh.encrypt(picture, "b"))
    assert not np.array_equal(fresh.encrypt(picture, 1), fresh.encrypt(picture, 2))


@pytest.mark.parametrize("policy", ["shared", "fresh"])
@pytest.mark.parametrize("shape", [(7, 20, 24), (7, 20, 24, 3)])
def test_batch_equals_one_by_one(policy, shape):
    pictures, ids = noise(shape), [f"picture {n}" for n in range(7)]
    cipher = MultiStageCipher(KEY, 8, policy=policy)
    batch = cipher.encrypt_batch(pictures, ids)
    assert batch.shape == (7, 20, 24, 3)
    assert all(np.array_equal(cipher.encrypt(p, i), e) for p, i, e in zip(pictures, ids, batch, strict=True))


def test_empty_batch():
    assert MultiStageCipher(KEY, policy="fresh").encrypt_batch(np.zeros((0, 8, 8), np.uint8), []).shape == (0, 8, 8, 3)


def test_shapes_can_change_between_calls():
    cipher = MultiStageCipher(KEY, 4)
    for shape in ((8, 8), (9, 5), (8, 8)):
        assert np.array_equal(cipher.decrypt(cipher.encrypt(noise(shape)))[..., 0], noise(shape))


def test_known_answers():
    """The same on every machine and in every NumPy version."""
    picture = (np.arange(7 * 8 * 3) % 256).astype(np.uint8).reshape(7, 8, 3)
    shared = MultiStageCipher(KEY, 3, 128).encrypt(picture)
    fresh = MultiStageCipher(KEY, 3, 128, "fresh").encrypt(picture, "a")
    assert hashlib.sha256(shared.tobytes()).hexdigest().startswith("6a4d2c5560ed7fcb")
    assert hashlib.sha256(fresh.tobytes()).hexdigest().startswith("c5a6d2353ce2ded0")


def test_keys_matter():
    picture = noise((16, 16))
    assert not np.array_equal(
        MultiStageCipher(generate_key()).encrypt(picture), MultiStageCipher(generate_key()).encrypt(picture)
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"block_size": 0}, "1 to 64"),
        ({"block_size": 65}, "1 to 64"),
        ({"block_size": 2.0}, "1 to 64"),
        ({"substitution": -1}, "0 to 255"),
        ({"substitution": 256}, "0 to 255"),
        ({"policy": "none"}, '"shared" or "fresh"'),
    ],
)
def test_refuses_dials_out_of_range(options, words):
    with pytest.raises(CipherError, match=words):
        MultiStageCipher(KEY, **options)


def test_dials_may_come_from_arrays():
    dials = np.array([8, 255], np.uint8)
    picture = noise((9, 9))
    found = MultiStageCipher(KEY, dials[0], dials[1]).encrypt(picture)
    assert np.array_equal(found, MultiStageCipher(KEY, 8, 255).encrypt(picture))


@pytest.mark.parametrize("image", [noise((4, 4)).astype(np.uint16), [[1]], noise(4), noise((4, 4, 4)), noise((0, 4))])
def test_refuses_what_is_no_picture(image):
    with pytest.raises(CipherError):
        MultiStageCipher(KEY).encrypt(image)


@pytest.mark.parametrize("identifier", ["", b"", "a\0", b"a\0\0", bytes(32)])
def test_refuses_identifiers_whose_key_is_anothers(identifier):
    with pytest.raises(CipherError, match="name the picture otherwise"):
        MultiStageCipher(KEY, policy="fresh").picture_key(identifier)


def test_identifiers_may_come_as_an_array():
    pictures, cipher = noise((2, 4, 4)), MultiStageCipher(KEY, 2, policy="fresh")
    listed = cipher.encrypt_batch(pictures, ["a", "b"])
    assert np.array_equal(cipher.encrypt_batch(pictures, np.array(["a", "b"])), listed)


def test_refuses_missing_identifiers():
    cipher = MultiStageCipher(KEY, policy="fresh")
    with pytest.raises(CipherError, match="pass image_id"):
        cipher.encrypt(noise((4, 4)))
    with pytest.raises(CipherError, match="pass image_id"):
        cipher.encrypt_batch(noise((2, 4, 4)))
    with pytest.raises(CipherError, match="as many identifiers"):
        cipher.encrypt_batch(noise((2, 4, 4)), ["one"])
    with pytest.raises(CipherError, match="stack the pictures"):
        cipher.encrypt_batch(noise((4, 4)), ["one"])
