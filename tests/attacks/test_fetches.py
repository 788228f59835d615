from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.fetches import pick_wanted
from engine.hashing.codes import hamming_distances
from engine.retrieval import CodeMask


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_what_is_picked_is_the_tightest_group_around_one_of_its_rows(seed, wanted):
    codes = np.random.default_rng(seed).integers(0, 256, (7, 2), np.uint8)
    distances = hamming_distances(codes, codes).astype(int)

    def spread(group):
        return min(sum(distances[centre, other] for other in group) for centre in group)

    picked = pick_wanted(codes, wanted)
    assert len(set(picked.tolist())) == wanted
    assert spread(picked) == min(spread(group) for group in combinations(range(7), wanted))


def test_a_mask_hides_nothing_of_it():
    rng = np.random.default_rng(0)
    near = np.packbits(rng.random((5, 48)) < 0.05, axis=1)
    codes = np.concatenate([rng.integers(0, 256, (15, 6), np.uint8), near])
    masked = CodeMask.derive(b"k" * 32, salt=b"", bits=48).apply(codes)
    assert sorted(pick_wanted(masked, 5).tolist()) == [15, 16, 17, 18, 19]
