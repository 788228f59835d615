from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.attacks.fetches import label_by_fetches, match_by_fetches, pick_wanted
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


def answers(groups, searches, k, rng):
    """Rows that searches fetch, each search within one group."""
    return np.array(
        [rng.choice(np.flatnonzero(groups == rng.integers(0, groups.max() + 1)), k) for _ in range(searches)]
    )


def test_what_is_fetched_together_labels_rows_and_nothing_else_does():
    rng = np.random.default_rng(0)
    labels, known = np.arange(60) % 3, np.arange(60) < 30
    fetched = answers(labels, 200, 6, rng)
    assert (label_by_fetches(fetched, labels, known)[~known] == labels[~known]).mean() > 0.95
    told = np.where(known, labels, -1)
    assert np.array_equal(label_by_fetches(fetched, told, known), label_by_fetches(fetched, labels, known))
    unseen = label_by_fetches(fetched[:, :0], np.array([1] * 31 + [2] * 29), known)
    assert set(unseen.tolist()) == {1}, "rows that nobody fetched are called the commonest"


def test_rows_are_matched_where_each_is_fetched_its_own_number_of_times():
    often = np.repeat(np.arange(5), [9, 1, 7, 3, 5])[:, None]
    assert match_by_fetches(often, often, np.arange(5)).tolist() == [0, 1, 2, 3, 4]
