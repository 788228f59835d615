"""Figures of a cell: recomputed here by loops from the same answers, and for the shipped result file."""

import json

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.encrypted_search.classifier import predict
from engine.encrypted_search.networks import METHODS, build
from engine.encrypted_search.setting import SETTINGS
from engine.studies.encrypted_search.figures import cell_figures, classified
from engine.studies.encrypted_search.measurement import QUANTIZATIONS, answer, eight_bits, quantized, quantized_answers

REPORT = RESULTS / "encrypted_search.json"


def _average_precision(relevant: np.ndarray) -> float:
    hits, total = 0, 0.0
    for rank, right in enumerate(relevant, start=1):
        if right:
            hits += 1
            total += hits / rank
    return total / hits


def test_figures_agree_with_a_loop():
    draw = np.random.default_rng(0)
    labels, held = draw.integers(0, 3, 7), draw.integers(0, 3, 40)
    arrays = {
        "classes": np.array(["bone", "brain", "chest"]),
        "labels": labels,
        "gallery_labels": held,
        "vit/fresh-8/predicted": draw.integers(0, 3, 7),
        "vit/fresh-8/queries": draw.integers(-127, 128, (7, 9)).astype(np.int8),
        "vit/fresh-8/gallery": draw.integers(-127, 128, (40, 9)).astype(np.int8),
    }
    figures = cell_figures(arrays, "vit/fresh-8")
    asked, answers = (arrays[f"vit/fresh-8/{side}"].astype(float) for side in ("queries", "gallery"))
    relevant = [held[np.argsort(((answers - q) ** 2).sum(1))] == label for q, label in zip(asked, labels, strict=True)]
    assert figures["map"][0] == pytest.approx(np.mean([_average_precision(row) for row in relevant]), abs=1e-6)
    assert figures["p_at_5"][0] == pytest.approx(np.mean([row[:5].mean() for row in relevant]), abs=1e-6)
    predicted = arrays["vit/fresh-8/predicted"]
    assert figures["right"] == sum(a == b for a, b in zip(predicted, labels, strict=True))
    assert figures["confusion"][1][2] == sum((labels == 1) & (predicted == 2))


def test_precision_and_recall_of_a_hand_made_case():
    found = classified(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), ("bone", "brain", "chest"))
    assert found["precision"] == [1, pytest.approx(1 / 3, abs=1e-6), 0]
    assert found["recall"] == [0.5, 1, 0]


def test_a_network_answers_for_both_sides():
    network = build("vit", {"depth": 1, "width": 48}).eval()
    draw = np.random.default_rng(0)
    asked, held = (draw.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8) for n in (3, 8))
    said = []
    found = answer(network, asked, held, lambda *done: said.append(done))
    assert said == [(3, 11), (11, 11)]
    assert {name: values.shape for name, values in found.items()} == {
        "predicted": (3,), "queries": (3, 48), "gallery": (8, 48), "scale": ()
    }  # fmt: skip
    assert np.abs(found["gallery"].astype(int)).max() == 127
    modes = quantized_answers(network, predict(network, asked).features, asked, held)
    assert list(modes) == [f"{mode}/predicted" for mode in QUANTIZATIONS[1:]]
    for mode in QUANTIZATIONS[1:]:
        expected = predict(quantized(network, mode, held), asked).labels
        assert (modes[f"{mode}/predicted"] == expected).all(), mode
    # The least changed copy of an untrained network predicts as it does.
    assert (modes["max/predicted"] == found["predicted"]).mean() >= 2 / 3


def test_eight_bits_round_and_clip():
    assert eight_bits(np.array([0.26, -0.24, 99.0]), 0.5).tolist() == [1, 0, 127]


@pytest.mark.skipif(not REPORT.exists(), reason="nobody has measured encrypted search yet")
def test_every_stored_figure_follows_from_the_stored_answers():
    report = json.loads(REPORT.read_text())
    with np.load(REPORT.with_name("encrypted_search.npz"), allow_pickle=False) as file:
        arrays = dict(file)
    cells = {(row["method"], row["setting"]): row for row in report["cells"]}
    assert set(cells) == {(method, setting.name) for method in METHODS for setting in SETTINGS}
    for (method, setting), row in cells.items():
        assert row.items() >= cell_figures(arrays, f"{method}/{setting}").items(), (method, setting)
        for mode in QUANTIZATIONS[1:]:
            predicted = arrays[f"{method}/{setting}/{mode}/predicted"]
            assert row["quantized"][mode] == classified(arrays["labels"], predicted, arrays["classes"])
