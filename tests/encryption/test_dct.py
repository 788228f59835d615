import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.fft import dctn

from engine.encryption import dct


@pytest.mark.parametrize(("bits", "rms", "largest"), [(8, 1.0, 8), (16, 4.0, 60)])
def test_is_near_the_real_orthonormal_dct(bits, rms, largest):
    half = 1 << (bits - 1)
    blocks = np.random.default_rng(0).integers(-half, half, (8, 8, 5000)).astype(np.int32)
    error = dct.forward(blocks) - dctn(blocks.astype(float), axes=(0, 1), norm="ortho")
    assert np.sqrt(np.mean(error**2)) < rms
    assert np.abs(error).max() < largest


def test_flat_blocks_are_within_one_percent():
    levels = np.arange(-128, 128)
    coefficients = dct.forward(np.broadcast_to(levels, (8, 8, 256)).astype(np.int32))
    assert np.abs(coefficients[0, 0] - 8 * levels).max() <= 0.01 * 8 * 128
    assert np.abs(coefficients.reshape(64, -1)[1:]).max() <= 4


@given(hnp.arrays(np.int32, (8, 8, 3), elements=st.integers(-(2**15), 2**15)))
def test_is_undone_exactly_both_ways(blocks):
    assert np.array_equal(dct.inverse(dct.forward(blocks)), blocks)
    assert np.array_equal(dct.forward(dct.inverse(blocks)), blocks)


def test_keeps_the_norm_of_extreme_blocks():
    """Every basis picture at full 16-bit range: the whole norm lands in one coefficient."""
    basis = np.sign(dctn(np.eye(64).reshape(8, 8, 64), axes=(0, 1), norm="ortho"))
    blocks = np.where(basis > 0, 2**15 - 1, -(2**15)).astype(np.int32)
    norm = np.linalg.norm(dct.forward(blocks).reshape(64, -1), axis=0)
    assert np.allclose(norm, np.linalg.norm(blocks.reshape(64, -1), axis=0), rtol=0.01)
    assert np.array_equal(dct.inverse(dct.forward(blocks)), blocks)


def test_blocks_are_numbered_row_by_row():
    plane = np.arange(16 * 24).reshape(16, 24)
    blocks = dct.to_blocks(plane)
    assert np.array_equal(blocks[:, :, 4], plane[8:16, 8:16])
    assert np.array_equal(dct.from_blocks(blocks, 16, 24), plane)
