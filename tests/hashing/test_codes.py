import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.hashing.codes import ROWS, hamming_distances, pack_bits, pad_codes, unpack_bits

LENGTHS = st.sampled_from([8, 16, 24, 32, 48, 64, 128])


@st.composite
def two_bit_matrices(draw):
    width = draw(LENGTHS)
    rows = st.integers(0, 5)
    return tuple(draw(hnp.arrays(bool, (draw(rows), width))) for _ in range(2))


@given(two_bit_matrices())
def test_unpack_undoes_pack(matrices):
    for bits in matrices:
        packed = pack_bits(bits)
        assert packed.dtype == np.uint8
        assert packed.shape == (len(bits), bits.shape[1] // 8)
        assert np.array_equal(unpack_bits(packed), bits)
        assert unpack_bits(packed).dtype == bool


@given(two_bit_matrices())
def test_distances_count_differing_bits(matrices):
    first, second = matrices
    expected = [[sum(a != b for a, b in zip(x, y, strict=True)) for y in second] for x in first]
    assert hamming_distances(pack_bits(first), pack_bits(second)).tolist() == expected


def test_many_codes_are_compared_a_few_at_a_time():
    draw = np.random.default_rng(0)
    first, second = (draw.integers(0, 256, (count, 20), np.uint8) for count in (2 * ROWS + 3, 5))
    expected = (unpack_bits(first)[:, None] != unpack_bits(second)).sum(axis=2)
    assert np.array_equal(hamming_distances(first, second), expected)


def test_bit_order_is_big_endian():
    bits = np.zeros((1, 16), bool)
    bits[0, [0, 15]] = True
    assert pack_bits(bits).tobytes() == b"\x80\x01"


def test_distance_of_a_code_longer_than_255_bits_does_not_wrap():
    ones, zeros = np.full((1, 64), 255, np.uint8), np.zeros((1, 64), np.uint8)
    assert hamming_distances(ones, zeros).tolist() == [[512]]


def test_codes_that_are_views_are_compared_by_value():
    codes = np.arange(60, dtype=np.uint8).reshape(5, 12)[::2, ::2]
    assert np.array_equal(hamming_distances(codes, codes), hamming_distances(codes.copy(), codes.copy()))


def test_padding_keeps_the_code_in_front():
    padded = pad_codes(np.full((3, 6), 7, np.uint8))
    assert padded.shape == (3, 8)
    assert padded[:, :6].min() == 7
    assert padded[:, 6:].max() == 0


def test_only_real_bits_are_packed():
    with pytest.raises(TypeError, match="threshold"):
        pack_bits(np.sign(np.zeros((1, 8))))
    with pytest.raises(ValueError, match="multiple of 8"):
        pack_bits(np.zeros((1, 12), bool))


def test_codes_of_the_wrong_kind_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        unpack_bits(np.zeros((1, 6)))
    with pytest.raises(ValueError, match="shape"):
        unpack_bits(np.zeros(6, np.uint8))
    with pytest.raises(ValueError, match="48 and 64 bits"):
        hamming_distances(np.zeros((1, 6), np.uint8), np.zeros((1, 8), np.uint8))
