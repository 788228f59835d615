import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.encryption.arnold import ArnoldParameters, scramble, unscramble
from tests.encryption.cipher_helpers import both_paths

PARAMETERS = st.builds(
    ArnoldParameters,
    b=st.integers(1, 2**32),
    c=st.integers(1, 2**32),
    iterations=st.integers(0, 5),
)


@pytest.mark.parametrize("side", [1, 2, 8, 31, 200])
@both_paths
def test_equals_the_matrix_of_the_paper_on_squares(side, backend):
    b, c, iterations = 7, 11, 3
    picture = np.arange(side * side).reshape(side, side)
    expected = np.empty_like(picture)
    matrix = np.linalg.matrix_power(np.array([[1, b], [c, b * c + 1]], object), iterations)
    for x in range(side):
        for y in range(side):
            new_x, new_y = matrix.dot([x, y]) % side
            expected[new_x, new_y] = picture[x, y]
    assert np.array_equal(scramble(picture, ArnoldParameters(b, c, iterations), backend), expected)


@settings(deadline=None)  # the first call may compile
@given(
    planes=hnp.arrays(st.sampled_from([np.uint8, np.uint16]), hnp.array_shapes(min_dims=2, max_dims=3, max_side=150)),
    parameters=PARAMETERS,
)
def test_is_undone_exactly_and_paths_agree(planes, parameters):
    moved = scramble(planes, parameters, "numpy")
    assert np.array_equal(scramble(planes, parameters, "auto"), moved)
    assert np.array_equal(unscramble(moved, parameters, "numpy"), planes)
    assert np.array_equal(unscramble(moved, parameters, "auto"), planes)


@pytest.mark.parametrize("shape", [(3, 700), (700, 3), (129, 257), (512, 300)])
@both_paths
def test_paths_agree_across_strips(shape, backend):
    picture = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
    key = ArnoldParameters(123_457, 4_000_000_007, 4)
    moved = scramble(picture, key, backend)
    assert np.array_equal(moved, scramble(picture, key, "numpy"))
    assert np.array_equal(np.sort(moved.ravel()), picture.ravel())
    assert np.array_equal(unscramble(moved, key, backend), picture)


@both_paths
def test_leaves_its_input_alone(backend):
    picture = np.arange(64, dtype=np.uint8).reshape(8, 8)
    scramble(picture, ArnoldParameters(3, 5, 2), backend)
    assert np.array_equal(picture, np.arange(64).reshape(8, 8))


def test_parameters_from_key():
    key = bytes(3) + b"\x04" + bytes(4) + b"\x07"
    assert ArnoldParameters.from_key(key) == ArnoldParameters(b=5, c=1, iterations=5)
