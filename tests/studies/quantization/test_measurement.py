import json

import numpy as np
import pytest
import torch
from torch import nn

from engine.artifacts import load_arrays, result_path
from engine.quantization.layers import weight_layers
from engine.quantization.observers import MODES, QuantizationError, kl_bins, percentile_bins, thresholds
from engine.studies.quantization import measurement
from engine.studies.quantization.figures import figures, tuned_name
from engine.studies.quantization.measurement import RESULT
from tests.quantization.networks import subject, transformer

TUNED = {tuned_name(mode) for mode in (None, *MODES)}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(measurement, "TIMED_BATCHES", {1: 2, 4: 1})


@pytest.fixture(scope="module")
def measured():
    """Entry and arrays of a tiny classifier and of a tiny hashing network."""
    patch = pytest.MonkeyPatch()
    patch.setattr(measurement, "TIMED_BATCHES", {1: 2, 4: 1})
    patch.setattr(measurement, "load_subject", subject)
    yield {task: measurement.measure(task, lambda done, total: None) for task in ("classification", "retrieval")}
    patch.undo()


@pytest.mark.parametrize("task", ["classification", "retrieval"])
def test_every_variant_is_answered_as_its_network_answers_picture_by_picture(measured, task):
    _, arrays = measured[task]
    tiny = subject(task)
    for name in ("max-last-tensor", "kl-all-channel", "percentile-last-channel", "full-naive"):
        network = measurement.VARIANTS[name].make(tiny)
        with torch.inference_mode():
            alone = [tiny.read(network(picture[None])[1])[0] for picture in tiny.inputs]
        np.testing.assert_array_equal(arrays[name], np.array(alone), name)


def test_neighbours_are_stored_where_features_change(measured):
    _, arrays = measured["classification"]
    with_neighbours = {name.removesuffix("/nearest") for name in arrays if name.endswith("/nearest")}
    changing = {name for name, variant in measurement.VARIANTS.items() if variant.scope == "all"}
    assert with_neighbours == {"fp32"} | changing
    assert arrays["full/nearest"].shape == (40, 10)


@pytest.mark.parametrize("task", ["classification", "retrieval"])
def test_the_entrys_figures_follow_from_its_arrays(measured, task):
    entry, arrays = measured[task]
    for name, row in figures(task, arrays, entry["variants"]).items():
        assert row.items() <= entry["variants"][name].items()
    assert set(entry["variants"]) == {"fp32", *measurement.VARIANTS}


def test_thresholds_are_those_of_the_observers_and_of_the_stored_histograms(measured):
    entry, arrays = measured["classification"]
    layers = weight_layers(subject("classification").network)
    assert list(layers) == list(entry["layers"]) == list(entry["thresholds"])
    for row, (name, layer) in enumerate(layers.items()):
        weight = layer.weight.detach().numpy()
        assert arrays["histograms"][row].sum() == weight.size
        for mode in MODES:
            stored = entry["thresholds"][name][mode]
            assert stored["tensor"] == pytest.approx(thresholds(weight, mode)[0], abs=1e-6)
            parts = thresholds(weight, mode, "channel")
            assert stored["channel"] == pytest.approx([parts.min(), np.median(parts), parts.max()], abs=1e-6)
        counts, width = arrays["histograms"][row].astype(np.int64), arrays["peaks"][row] / 2048
        assert entry["thresholds"][name]["kl"]["tensor"] == pytest.approx(kl_bins(counts) * width, abs=1e-6)
        assert entry["thresholds"][name]["percentile"]["tensor"] == pytest.approx(
            percentile_bins(counts) * width, abs=1e-6
        )


def test_bytes_shrink_and_only_what_is_stored_as_int8_is_weighed(measured):
    rows = measured["classification"][0]["variants"]
    assert rows["fp32"]["formula_bytes"] == 4 * measured["classification"][0]["weights"]
    assert rows["max-last-tensor"]["formula_bytes"] == rows["fp32"]["formula_bytes"] - 3 * 16 * 3 + 4
    assert rows["max-all-channel"]["file_bytes"] < rows["max-last-channel"]["file_bytes"] < rows["fp32"]["file_bytes"]
    assert "file_bytes" not in rows["full-naive"]


def test_times_are_medians_beside_the_float_network_of_the_same_run(measured):
    latency = measured["classification"][0]["latency"]
    assert list(latency) == ["1", "4"]
    for rows in latency.values():
        assert set(rows) == {*measurement.TIMED, "fp32-compiled"}
        assert rows["fp32"][1] == rows["fp32-compiled"][2] == 1
        assert all(figure > 0 for row in rows.values() for figure in row)


def test_ratios_are_medians_of_ratios_in_the_same_round(monkeypatch):
    clock = iter([9, 9, 9, 9, 9, 9, 8, 4, 2, 6, 6, 1, 10, 2, 5])
    monkeypatch.setattr(measurement, "_milliseconds", lambda network, batch: next(clock))
    monkeypatch.setattr(measurement, "TIMED_BATCHES", {1: 3})
    names = ("fp32", "fp32-compiled", "full")
    found = measurement.latency(dict.fromkeys(names, nn.Identity()), torch.zeros(1, 1, 1, 1))["1"]
    assert found == {"fp32": [8, 1, 0.5], "fp32-compiled": [4, 2, 1], "full": [2, 4, 2]}


def test_attention_shows_its_weights_as_layers():
    network, inputs = transformer()
    split = measurement._split(network)
    assert "attention.project" in weight_layers(split)
    assert "attention.project" not in weight_layers(network)
    with torch.inference_mode():
        torch.testing.assert_close(split(inputs), network(inputs))


def test_networks_measured_earlier_stay_in_the_files(tmp_path):
    first = measurement.save({"b": {"x": 1}}, {"b": {"fp32": np.arange(3), "full/nearest": np.eye(2)}}, tmp_path)
    measurement.save({"matdh": {"x": 2}}, {"matdh": {"fp32": np.arange(2)}}, tmp_path)
    measurement.save({"b": {"x": 3}}, {"b": {"fp32": np.arange(5)}}, tmp_path)
    assert json.loads(first.read_text())["networks"] == {"matdh": {"x": 2}, "b": {"x": 3}}
    arrays = load_arrays("quantization", tmp_path)
    assert {name: array.tolist() for name, array in arrays.items()} == {"b/fp32": [0, 1, 2, 3, 4], "matdh/fp32": [0, 1]}


def test_times_alone_are_taken_again(measured, monkeypatch, tmp_path):
    monkeypatch.setattr(measurement, "load_subject", subject)
    entry, arrays = measured["retrieval"]
    measurement.save({"retrieval": entry}, {"retrieval": arrays}, tmp_path)
    monkeypatch.setattr(measurement, "TIMED_BATCHES", {2: 1})
    again = measurement.time_again("retrieval", tmp_path)
    assert list(again["latency"]) == ["2"]
    assert again | {"latency": 0, "provenance": 0} == entry | {"latency": 0, "provenance": 0}
    measurement.save({"retrieval": again}, {}, tmp_path)
    kept = load_arrays("quantization", tmp_path)
    assert {f"retrieval/{name}" for name in arrays} == set(kept)
    with pytest.raises(QuantizationError, match="not measured yet"):
        measurement.time_again("classification", tmp_path)


def test_tuned_networks_are_added_to_what_is_measured(measured, monkeypatch, tmp_path):
    monkeypatch.setattr(measurement, "load_subject", subject)
    measurement.save(*({name: found[part] for name, found in measured.items()} for part in (0, 1)), tmp_path)
    entry, arrays = measurement.tune("classification", lambda done, total: None, tmp_path)
    before, known = measured["classification"]
    assert set(entry["variants"]) == set(before["variants"]) | TUNED
    assert set(arrays) == set(known) | TUNED | {f"{name}/nearest" for name in TUNED}
    for name, row in figures("classification", arrays, entry["variants"]).items():
        assert row.items() <= entry["variants"][name].items()
    assert entry["variants"]["fp32"] == before["variants"]["fp32"]
    sizes = [entry["variants"][name]["file_bytes"] for name in ("kl-last-tensor-tuned", "kl-last-tensor")]
    assert sizes[0] == sizes[1]
    assert entry["tuning"] == "2 passes over 40 training pictures"
    with pytest.raises(QuantizationError, match="is not about retrieval"):
        measurement.tune("retrieval", lambda done, total: None, tmp_path)


STORED = result_path(RESULT)
NETWORKS = json.loads(STORED.read_text())["networks"] if STORED.exists() else {}


@pytest.mark.skipif(not NETWORKS, reason="not measured yet: python -m engine quantize --save")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_shipped_figures_follow_from_the_shipped_answers(name):
    stored = load_arrays(RESULT)
    arrays = {key.partition("/")[2]: array for key, array in stored.items() if key.startswith(f"{name}/")}
    entry = NETWORKS[name]
    for variant, row in figures(entry["task"], arrays, entry["variants"]).items():
        assert {key: entry["variants"][variant][key] for key in row} == row, variant
    sizes = {layer: int(np.prod(shape)) for layer, shape in entry["layers"].items()}
    assert entry["weights"] == sum(sizes.values()) == arrays["histograms"].sum()
    rows = entry["variants"]
    assert rows["fp32"]["formula_bytes"] == 4 * entry["weights"]
    saved = 3 * sum(sizes[layer] for layer in entry["last"]) - 4 * len(entry["last"])
    assert rows["max-last-tensor"]["formula_bytes"] == 4 * entry["weights"] - saved
