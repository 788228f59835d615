import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.sizes import named_by_size


@given(st.lists(st.one_of(st.integers(0, 5), st.tuples(st.integers(0, 2), st.integers(0, 2))), min_size=1))
def test_the_share_named_right_is_that_of_different_sizes(seen):
    """Whoever names one picture of each size that is seen is right once for each."""
    assert np.isclose(named_by_size(seen).sum(), len(set(seen)))


def test_pictures_that_look_alike_share_the_chance():
    assert named_by_size([(4, 6), (4, 6), (6, 4), (4, 6)]).tolist() == [1 / 3, 1 / 3, 1, 1 / 3]
