import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation import retrieval
from engine.evaluation.retrieval import (
    average_precision,
    ball_precision,
    empty_ball_share,
    mean_average_precision,
    precision_at,
    precision_curve,
    precision_within_radius,
    recall_at,
    recall_curve,
)


def random_codes(seed, count, bits=16, classes=2):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, bits // 8), dtype=np.uint8), rng.integers(0, classes, count)


def naive_distance(first, second):
    return sum((int(a) ^ int(b)).bit_count() for a, b in zip(first, second, strict=True))


def naive_share_of_cut(query, label, gallery, labels, n):
    """Expected relevant items among the nearest n, by walking the distances outwards."""
    left, hits = n, 0.0
    for distance in range(8 * len(query) + 1):
        group = [labels[i] == label for i in range(len(gallery)) if naive_distance(query, gallery[i]) == distance]
        take = min(left, len(group))
        if take:
            hits += sum(group) * take / len(group)
            left -= take
    return hits


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_precision_and_recall_walk_the_distances_outwards(seed, n):
    queries, query_labels = random_codes(seed, 4)
    gallery, gallery_labels = random_codes(seed + 1, 25)
    hits = [
        naive_share_of_cut(query, label, gallery, gallery_labels, n)
        for query, label in zip(queries, query_labels, strict=True)
    ]
    totals = [(gallery_labels == label).sum() for label in query_labels]
    arguments = (queries, query_labels, gallery, gallery_labels)
    assert precision_at(*arguments, n=n) == pytest.approx(np.mean(hits) / n)
    expected = np.mean([h / t if t else 0 for h, t in zip(hits, totals, strict=True)])
    assert recall_at(*arguments, k=n) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 6))
def test_ball_precision_counts_the_ball(seed, radius):
    queries, query_labels = random_codes(seed, 6)
    gallery, gallery_labels = random_codes(seed + 1, 30)
    expected, empty = [], 0
    for query, label in zip(queries, query_labels, strict=True):
        ball = [i for i in range(30) if naive_distance(query, gallery[i]) <= radius]
        empty += not ball
        expected.append(np.mean([gallery_labels[i] == label for i in ball]) if ball else 0.0)
    arguments = (queries, query_labels, gallery, gallery_labels)
    assert ball_precision(*arguments, radius=radius) == pytest.approx(expected)
    assert precision_within_radius(*arguments, radius=radius) == pytest.approx(np.mean(expected))
    assert empty_ball_share(queries, gallery, radius=radius) == pytest.approx(empty / 6)


def test_skipping_empty_balls_averages_the_others():
    queries, gallery = np.array([[0], [255]], np.uint8), np.array([[1], [2]], np.uint8)
    arguments = (queries, [1, 1], gallery, [1, 0])
    assert precision_within_radius(*arguments) == 0.25
    assert precision_within_radius(*arguments, empty="skip") == 0.5
    assert np.isnan(precision_within_radius(queries[1:], [1], gallery, [1, 0], empty="skip"))


def test_mean_average_precision_without_ties_is_the_textbook_one():
    rng = np.random.default_rng(5)
    queries, gallery = rng.normal(size=(7, 3)), rng.normal(size=(40, 3))
    query_labels, gallery_labels = rng.integers(0, 3, 7), rng.integers(0, 3, 40)
    expected = []
    for query, label in zip(queries, query_labels, strict=True):
        nearest = sorted(range(40), key=lambda i: np.linalg.norm(query - gallery[i]))
        hits = np.array([gallery_labels[i] == label for i in nearest])
        expected.append((np.cumsum(hits) / np.arange(1, 41))[hits].mean())
    arguments = (queries, query_labels, gallery, gallery_labels)
    assert average_precision(*arguments) == pytest.approx(expected)
    assert mean_average_precision(*arguments) == pytest.approx(np.mean(expected))


def test_random_codes_score_chance():
    queries, query_labels = random_codes(1, 200, bits=48)
    gallery, gallery_labels = random_codes(2, 1000, bits=48)
    assert mean_average_precision(queries, query_labels, gallery, gallery_labels) == pytest.approx(0.5, abs=0.02)


def test_codes_and_their_bits_as_features_rank_alike_ties_included():
    queries, query_labels = random_codes(3, 10)
    gallery, gallery_labels = random_codes(4, 50)
    # The squared Euclidean distance of two bit vectors is their Hamming distance.
    bits = [np.unpackbits(codes, axis=1).astype(np.float64) for codes in (queries, gallery)]
    as_features = average_precision(bits[0], query_labels, bits[1], gallery_labels)
    assert as_features == pytest.approx(average_precision(queries, query_labels, gallery, gallery_labels))


def test_curves_rise_to_full_recall_and_base_rate():
    queries, query_labels = random_codes(6, 5)
    gallery, gallery_labels = random_codes(7, 60)
    arguments = (queries, query_labels, gallery, gallery_labels)
    recall = recall_curve(*arguments)
    assert recall.shape == (5, 200)
    assert (np.diff(recall, axis=1) >= -1e-12).all()
    assert recall[:, 59:] == pytest.approx(1)
    base = [(gallery_labels == label).mean() for label in query_labels]
    assert precision_curve(*arguments, n=60)[:, -1] == pytest.approx(base)
    assert precision_curve(*arguments, n=120)[:, -1] == pytest.approx(np.array(base) / 2)


def test_blocks_of_queries_give_what_one_block_gives(monkeypatch):
    queries, query_labels = random_codes(8, 50)
    gallery, gallery_labels = random_codes(9, 40)
    arguments = (queries, query_labels, gallery, gallery_labels)
    whole = average_precision(*arguments)
    monkeypatch.setattr(retrieval, "QUERIES_AT_ONCE", 7)
    assert np.array_equal(average_precision(*arguments), whole)


def test_labels_may_be_words():
    codes = np.array([[0], [1], [255]], np.uint8)
    words = mean_average_precision(codes[:1], ["normal"], codes[1:], ["covid-19", "normal"])
    assert words == mean_average_precision(codes[:1], [1], codes[1:], [0, 1]) == 0.5


@pytest.mark.parametrize(
    ("queries", "query_labels", "gallery", "gallery_labels", "message"),
    [
        (np.zeros((0, 2), np.uint8), [], np.zeros((1, 2), np.uint8), [0], "at least one query"),
        (np.zeros((1, 2), np.uint8), [0, 1], np.zeros((1, 2), np.uint8), [0], "1 queries with 2 labels"),
        (np.zeros((1, 2), np.uint8), [[0]], np.zeros((1, 2), np.uint8), [0], "vector"),
        (np.zeros((1, 2)), [0], np.zeros((1, 3)), [0], "cannot be compared"),
        (np.full((1, 2), np.nan), [0], np.zeros((1, 2)), [0], "finite"),
    ],
)
def test_what_does_not_fit_is_refused(queries, query_labels, gallery, gallery_labels, message):
    with pytest.raises(ValueError, match=message):
        mean_average_precision(queries, query_labels, gallery, gallery_labels)


def test_integer_features_are_refused():
    with pytest.raises(TypeError, match="uint8 codes or float features"):
        mean_average_precision(np.zeros((1, 2), int), [0], np.zeros((1, 2), int), [0])
