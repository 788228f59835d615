import numpy as np
import pytest

from engine.evaluation import mean_average_precision, precision_at, precision_within_radius, recall_at
from engine.evaluation.hashing_report import report, report_tasks


@pytest.fixture
def collection() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 260)
    codes = (np.array([[0, 0], [255, 0], [255, 255]], np.uint8)[labels]) ^ (1 << draw.integers(0, 8, (260, 2))).astype(
        np.uint8
    )
    return codes[:40], labels[:40], codes[40:], labels[40:]


def test_every_mean_is_the_metric(collection: tuple[np.ndarray, ...]) -> None:
    figures = report(*collection, classes=("a", "b", "c"))
    assert figures["map"][0] == pytest.approx(mean_average_precision(*collection), abs=1e-6)
    assert figures["p_at_5"][0] == pytest.approx(precision_at(*collection, n=5), abs=1e-6)
    assert figures["precision_within_2"][0] == pytest.approx(precision_within_radius(*collection), abs=1e-6)
    assert figures["recall"]["mean"][49] == pytest.approx(recall_at(*collection, k=50), abs=1e-4)
    assert len(figures["recall"]["low"]) == 200


def test_intervals_hold_their_mean(collection: tuple[np.ndarray, ...]) -> None:
    figures = report(*collection, classes=("a", "b", "c"))
    for name in ("map", "p_at_1", "p_at_10", "precision_within_2", "accuracy"):
        mean, low, high = figures[name]
        assert 0 <= low <= mean <= high <= 1


def test_the_confusion_matrix_counts_every_query(collection: tuple[np.ndarray, ...]) -> None:
    figures = report(*collection, classes=("a", "b", "c"))
    assert np.sum(figures["confusion"]) == 40
    assert np.trace(figures["confusion"]) / 40 == pytest.approx(figures["accuracy"][0], abs=1e-6)


def test_the_binary_task_merges_the_other_classes(collection: tuple[np.ndarray, ...]) -> None:
    queries, query_labels, gallery, gallery_labels = collection
    tasks = report_tasks(*collection, classes=("a", "b", "c"), positive=1)
    expected = mean_average_precision(queries, query_labels == 1, gallery, gallery_labels == 1)
    assert tasks["binary"]["map"][0] == pytest.approx(expected, abs=1e-6)
    assert tasks["binary"]["classes"] == ["b", "other"]
    assert sum(tasks["binary"]["confusion"][0]) == (query_labels == 1).sum()


def test_float_features_have_no_hamming_ball(collection: tuple[np.ndarray, ...]) -> None:
    queries, query_labels, gallery, gallery_labels = collection
    figures = report(queries.astype(float), query_labels, gallery.astype(float), gallery_labels, ("a", "b", "c"))
    assert "precision_within_2" not in figures
    assert "map" in figures
