import numpy as np
import pytest

from engine.attacks.codes import (
    clusters,
    match_by_distances,
    name_groups,
    probe,
    purity,
    recover_mask,
    repeated_queries,
)
from engine.encryption import generate_key
from engine.hashing.codes import pack_bits
from engine.retrieval import CodeMask

BITS, CLASSES = 48, 3
SPREAD = np.array([0.03, 0.08, 0.15])  # of each class, so that classes differ in shape as real ones do


def labelled_codes(prototypes, each):
    """Codes around one prototype for each class, as a supervised hasher makes them."""
    rng = np.random.default_rng()
    labels = np.repeat(np.arange(CLASSES), each)
    return pack_bits(prototypes[labels] ^ (rng.random((len(labels), BITS)) < SPREAD[labels, None])), labels


@pytest.fixture
def prototypes():
    """Three prototypes that differ in 20 to 30 of 48 bits."""
    first = np.random.default_rng().random(BITS) < 0.5
    second, third = first.copy(), first.copy()
    second[:20] ^= True
    third[18:48] ^= True
    return np.stack([first, second, third])


def fresh_mask():
    return CodeMask.derive(generate_key(), salt=b"gallery", bits=BITS)


def test_codes_show_their_clusters_masked_or_not(prototypes):
    codes, labels = labelled_codes(prototypes, 80)
    for stored in (codes, fresh_mask().apply(codes)):
        guesses = purity(clusters(stored, CLASSES), labels)
        assert guesses.rate.mean > 0.95
        assert guesses.chance == pytest.approx(1 / 3)


def test_random_codes_show_no_labels():
    codes = np.random.default_rng().integers(0, 256, (600, BITS // 8)).astype(np.uint8)
    labels = np.random.default_rng().integers(0, 3, 600)
    assert purity(clusters(codes, CLASSES), labels).rate.mean < 0.5


def test_k_means_is_as_tight_as_that_of_scipy(prototypes):
    from scipy.cluster.vq import kmeans2

    codes, _ = labelled_codes(prototypes, 50)
    bits = np.unpackbits(codes, axis=1).astype(float)
    _, theirs = kmeans2(bits, CLASSES, minit="++", seed=1, iter=50)
    assert looseness(bits, clusters(codes, CLASSES)) <= looseness(bits, theirs) * 1.001


def looseness(points, groups):
    """Sum of squared distances to the means of the groups."""
    return sum(((points[groups == n] - points[groups == n].mean(axis=0)) ** 2).sum() for n in np.unique(groups))


def test_a_mask_hides_labels_from_a_server_that_hashes_its_own_pictures(prototypes):
    codes, labels = labelled_codes(prototypes, 80)
    own, own_labels = labelled_codes(prototypes, 20)
    assert np.mean(probe(codes, own, own_labels) == labels) > 0.95
    right = [np.mean(probe(fresh_mask().apply(codes), own, own_labels) == labels) for _ in range(12)]
    assert np.mean(right) < 0.65


def test_a_mask_does_not_hide_them_from_one_that_compares_geometry(prototypes):
    codes, labels = labelled_codes(prototypes, 80)
    own, own_labels = labelled_codes(prototypes, 40)
    masked = fresh_mask().apply(codes)
    named = name_groups(masked, clusters(masked, CLASSES), own, own_labels)
    assert np.mean(named == labels) > 0.95


def test_known_pairs_give_the_mask_away():
    rng = np.random.default_rng()
    codes, mask = rng.integers(0, 256, (400, BITS // 8)).astype(np.uint8), fresh_mask()
    found = recover_mask(codes[:40], mask.apply(codes[:40]))
    assert np.array_equal(found.remove(mask.apply(codes)), codes)
    assert np.array_equal(found.permutation, mask.permutation)


def test_one_known_pair_tells_flips_of_no_bit_in_particular():
    rng = np.random.default_rng()
    codes, mask = rng.integers(0, 256, (400, BITS // 8)).astype(np.uint8), fresh_mask()
    found = recover_mask(codes[:1], mask.apply(codes[:1]))
    assert np.array_equal(found.apply(codes[:1]), mask.apply(codes[:1]))
    wrong = np.unpackbits(found.remove(mask.apply(codes[1:])) ^ codes[1:]).mean()
    assert wrong == pytest.approx(0.5, abs=0.06)


def test_the_same_question_twice_is_seen_through_any_mask():
    rng = np.random.default_rng()
    asked = rng.integers(0, 256, (30, BITS // 8)).astype(np.uint8)[[0, 1, 2, 1, 5, 0]]
    links = repeated_queries(fresh_mask().apply(asked))
    assert [(links == link).sum() for link in links] == [2, 2, 1, 2, 1, 2]
    assert links[0] == links[5]


def test_who_has_every_picture_tells_codes_apart_by_distances_through_any_mask():
    codes = np.random.default_rng().integers(0, 256, (200, BITS // 8)).astype(np.uint8)
    order = np.random.default_rng().permutation(200)
    assert np.array_equal(match_by_distances(fresh_mask().apply(codes[order]), codes), order)


def test_codes_that_several_pictures_share_cannot_be_told_apart():
    codes = np.random.default_rng().integers(0, 256, (10, BITS // 8)).astype(np.uint8).repeat(20, axis=0)
    found = match_by_distances(fresh_mask().apply(codes), codes)
    assert len(np.unique(found)) <= 10
    assert np.array_equal(found // 20, np.arange(200) // 20)
