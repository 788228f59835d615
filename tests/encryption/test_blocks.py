import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encryption import as_picture, blocks, logistic
from engine.encryption.logistic import LogisticParameters
from tests.encryption import plain_reference
from tests.encryption.cipher_helpers import both_paths

KEY = LogisticParameters.from_key(bytes(range(12)))


def mixed(plane, seeds, backend):
    low, high = np.empty_like(plane), np.empty((plane.shape[0], plane.shape[1] // 2), np.uint8)
    blocks.mix(plane, seeds, KEY, low, high, backend)
    return low, high


def unmixed(low, high, seeds, backend):
    plane = np.empty_like(low)
    blocks.unmix(low, high, seeds, KEY, plane, backend)
    return plane


def seeds_for(plane, seed=0):
    return np.random.default_rng(seed).integers(0, 2**64, plane.size // 64, dtype=np.uint64)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@both_paths
def test_one_block_matches_plain_python(dtype, backend):
    plane = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (8, 8)).astype(dtype)
    bits, seeds = plane.itemsize * 8, seeds_for(plane)
    words = plain_reference.logistic_words(int(seeds[0]), bytes(range(12)))
    middle = 1 << (bits - 1)
    expected = np.array(plain_reference.mix_block((plane.astype(int) - middle).tolist(), words)) + middle
    low, high = mixed(plane, seeds, backend)
    assert np.array_equal(low, expected % (1 << bits))
    assert np.array_equal(high & 15, (expected >> bits)[:, ::2] % 16)
    assert np.array_equal(high >> 4, (expected >> bits)[:, 1::2] % 16)


@settings(deadline=None)  # the first call may compile
@given(
    down=st.integers(1, 6),
    across=st.integers(1, 40),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 2**32),
    extreme=st.booleans(),
)
def test_paths_agree_and_are_undone(down, across, dtype, seed, extreme):
    rng, top = np.random.default_rng(seed), np.iinfo(dtype).max
    plane = rng.integers(0, top + 1, (8 * down, 8 * across)).astype(dtype)
    if extreme:  # only black and white: the largest norms
        plane = np.where(plane > top // 2, top, 0).astype(dtype)
    seeds = seeds_for(plane, seed)
    low, high = mixed(plane, seeds, "numpy")
    for one, other in zip(mixed(plane, seeds, "auto"), (low, high), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(unmixed(low, high, seeds, "numpy"), plane)
    assert np.array_equal(unmixed(low, high, seeds, "auto"), plane)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_half_bytes_hold_the_worst_block(dtype):
    """All the norm in one pixel: a block that the layers turn into a single spike, and its neighbours."""
    middle = 1 << (np.iinfo(dtype).bits - 1)
    flat = np.zeros((8, 8 * 256), dtype)
    words = logistic.sequence(seeds_for(flat), KEY)
    spikes = np.zeros((8, 8 * 256), np.int32)
    spikes[np.arange(256) % 8, 8 * np.arange(256) + np.arange(256) // 8 % 8] = 8 * middle - 8
    plane = blocks.unmix_values(spikes + middle, words, np.iinfo(dtype).bits)
    plane = np.clip(plane, 0, np.iinfo(dtype).max).astype(dtype)
    values = blocks.mix_values(plane, words)
    assert np.abs(values).max() > 2 * middle  # more than the dtype holds: the half-bytes are needed
    assert values.min() >= -16 * middle
    assert values.max() < 16 * middle
    low, high = mixed(plane, seeds_for(flat), "auto")
    assert np.array_equal(unmixed(low, high, seeds_for(flat), "auto"), plane)


def test_strips_do_not_show():
    """Many more blocks than the plain path treats at once."""
    plane = np.random.default_rng(5).integers(0, 256, (8 * 70, 8 * 130)).astype(np.uint8)
    seeds = seeds_for(plane)
    assert plane.size // 64 > 2 * blocks.CHUNK
    low, _ = mixed(plane, seeds, "numpy")
    rows = slice(8 * 40, 8 * 48)
    part, _ = mixed(plane[rows], seeds[40 * 130 : 48 * 130], "numpy")
    assert np.array_equal(low[rows], part)


def test_stages_show_the_same_layers():
    plane = np.random.default_rng(6).integers(0, 256, (16, 24)).astype(np.uint8)
    seeds = seeds_for(plane)
    layers = blocks.stages(plane[None], seeds[None], KEY)
    low, _ = mixed(plane, seeds, "numpy")
    assert list(layers) == ["dct", "logistic", "idct"]
    assert np.array_equal(layers["idct"][0] & 255, low)
    assert np.array_equal(np.sort(np.abs(layers["dct"]).ravel()), np.sort(np.abs(layers["logistic"]).ravel()))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_as_picture_is_uint8_and_keeps_order(dtype):
    stage = (np.arange(300, dtype=np.int64).reshape(15, 20) % 256).astype(dtype)
    picture = as_picture(stage)
    assert picture.dtype == np.uint8
    assert picture.shape == stage.shape
    assert (np.diff(picture.ravel()[:256].astype(int)) >= 0).all()
    assert as_picture(np.full((4, 4), 7, dtype)).shape == (4, 4)
