import json

import numpy as np
import pytest

from engine.artifacts import RESULTS, load_arrays
from engine.attacks.measured_map import (
    GOALS,
    STATISTICS,
    TASKS,
    Source,
    distance,
    network_rows,
    pareto_front,
    points,
    recommend,
)
from engine.attacks.outcome import Guesses, sure_advantage
from engine.studies.attacks.values import kept_interval

NOTHING = {"kind": 0.0, "labelled": 0.0, "confirm": 0.0, "opened": 0.0}


def row(scheme, found, size, block=None, substitution=None, policy=None, **leaks):
    return {
        "scheme": scheme,
        "block_size": block,
        "substitution": substitution,
        "policy": policy,
        "bytes": size,
        "milliseconds": 1.0,
        "labelled": [found, found - 0.05, found + 0.05],
        "advantage": NOTHING | leaks,
    }


@pytest.fixture
def report():
    """Scramblers that find well and leak, ciphers that do neither, and codes."""
    rows = [
        row("aes", 0.5, 100),
        row("frequency", 0.5, 150),
        row("multistage", 0.9, 300, 8, 128, "shared", opened=0.98, kind=0.7),
        row("multistage", 0.8, 300, 8, 255, "fresh", confirm=1.0, kind=0.8),
    ]
    codes = [
        {"form": form, "labelled": [0.85, 0.8, 0.9], "advantage": NOTHING | {"labelled": 0.7, "confirm": 0.1}}
        for form in ("plain", "masked")
    ]
    protocol = {"chance": {"kind": 0.5, "confirm": 0.01}}
    return {
        "settings-chest": {"protocol": protocol, "rows": rows, "commit": "c0ffee", "data_sha256": "da7a"},
        "stored-codes": {
            "covidx-open": {"bytes": 6, "milliseconds": 9.0, "rows": codes, "data_sha256": "da7a"},
            "commit": "c0de",
        },
    }


def test_every_sealed_scheme_is_there_without_codes_and_with(report):
    measured = points(report, "covidx-open")
    assert [(point.scheme, point.codes) for point in measured if point.scheme == "aes"] == [
        ("aes", None),
        ("aes", "plain"),
        ("aes", "masked"),
    ]
    assert len(measured) == 8
    searched = next(point for point in measured if point.codes == "masked")
    assert (searched.bytes, searched.milliseconds) == (106, 10)
    assert [(source.part, source.commit) for source in searched.sources] == [
        ("settings-chest", "c0ffee"),
        ("stored-codes", "c0de"),
    ]
    assert (searched.leakage("picture"), searched.leakage("kind"), searched.leakage("anything")) == (0.1, 0.7, 0.7)


def test_a_private_search_leaks_what_it_fetches_and_where_codes_are_not_encrypted_what_these_tell(report):
    search = {"bytes": 900_000, "seconds": 0.05}
    report["private-search"] = {
        "covidx-open": {
            "searches": {"private": search, "encrypted": search | {"bytes_a_code": 1300, "milliseconds_a_code": 0.5}},
            "fetches": {"advantage": NOTHING | {"labelled": 0.2, "kind": 0.3}},
            "data_sha256": "da7a",
        },
        "commit": "5ea7c4",
    }
    points_ = [point for point in points(report, "covidx-open") if point.scheme == "aes"]
    assert [point.codes for point in points_] == [None, "plain", "masked", "private", "encrypted"]
    _, _, masked, private, encrypted = points_
    assert private.advantages == masked.advantages | {"kind": 0.3}
    assert encrypted.advantages == {"kind": 0.3, "labelled": 0.2, "confirm": 0.0, "opened": 0.0}
    assert private.found == encrypted.found == masked.found
    assert (private.bytes, encrypted.bytes) == (masked.bytes, 100 + 1300)
    assert encrypted.milliseconds == masked.milliseconds + 0.5
    assert encrypted.search_bytes == 900_000
    assert encrypted.sources[-1].part == "private-search"


def test_the_recommendation_is_the_nearest_to_the_corner_and_then_the_smallest(report):
    measured = points(report, "covidx-open")
    best = recommend(measured)
    assert (best.scheme, best.codes) == ("aes", "masked")
    assert distance(best) == pytest.approx(np.hypot(0.1, 0.3))
    assert all(distance(point) >= distance(best) for point in measured)


def test_the_recommendation_follows_the_measurement(report):
    report["stored-codes"]["covidx-open"]["rows"][1]["advantage"]["opened"] = 0.9
    assert recommend(points(report, "covidx-open")).codes == "plain"
    report["stored-codes"]["covidx-open"]["rows"][0]["labelled"] = [0.5, 0.4, 0.6]
    report["settings-chest"]["rows"][3]["advantage"] = NOTHING
    assert recommend(points(report, "covidx-open")).policy == "fresh"


def test_networks_are_points_of_their_own_and_tell_their_server_as_much(report):
    network = {
        "block_size": 8,
        "substitution": 255,
        "policy": "fresh",
        "accuracy": [0.95, 0.9, 0.99],
        "searcher": "net",
        "source": Source("encrypted_search.json", "net", "beef", "da7a"),
    }
    worse = {**network, "substitution": 128, "policy": "shared", "accuracy": [0.6, 0.5, 0.7]}
    measured = points(report, "covidx-open", [network, worse])
    assert len(measured) == 10
    fresh = [point for point in measured if point.policy == "fresh"]
    assert [(point.searcher, point.found[0]) for point in fresh] == [(STATISTICS, 0.8), ("net", 0.95)]
    assert [point.advantages["labelled"] for point in fresh] == pytest.approx([0.9, 0.9])
    shared = [point for point in measured if point.policy == "shared"]
    assert [point.advantages["labelled"] for point in shared] == pytest.approx([0.2, 0.2])


def test_a_network_that_masks_do_not_stop_tells_under_every_mask(report):
    rows = report["settings-chest"]["rows"]
    rows += [row("multistage", 0.7, 300, 8, substitution, "fresh") for substitution in (128, 192)]
    cell = {"method": "vgg16", "block_size": 8, "policy": "fresh", "accuracy": [0.95, 0.9, 0.99], "commit": "beef"}
    modes = {mode: {"accuracy": [value, 0.8, 0.99]} for mode, value in (("percentile", 0.94), ("full", 0.93))}
    plain = {"method": "vit", "block_size": None, "policy": None, "accuracy": [1, 1, 1], "quantized": modes}
    facts = {"provenance": {"data_sha256": "da7a"}, "cells": [{**cell, "quantized": modes}, plain]}
    networks = network_rows(facts)
    assert [row["accuracy"][0] for row in networks] == [0.95, 0.94, 0.93]
    fresh = [point for point in points(report, "covidx-open", networks) if point.policy == "fresh"]
    assert [(p.substitution, p.searcher == STATISTICS) for p in fresh] == [
        (255, True), (128, True), (192, True), (192, False), (192, False), (192, False)
    ]  # fmt: skip
    assert [p.advantages["labelled"] for p in fresh] == pytest.approx([0.9] * 6)
    assert {p.sources[-1] for p in fresh} == {Source("encrypted_search.json", "vgg16", "beef", "da7a")}


def test_paper_bs_recommendation_is_marked(report):
    marked = [point for point in points(report, "covidx-open") if point.recommended_by_paper_b]
    assert [(point.block_size, point.substitution) for point in marked] == [(8, 128)]


def test_the_front_holds_what_nothing_beats():
    leakage, accuracy = np.random.default_rng().random((2, 60))
    front = pareto_front(leakage, accuracy)
    beaten = [
        ((leakage < x) & (accuracy >= y) | (leakage <= x) & (accuracy > y)).any()
        for x, y in zip(leakage, accuracy, strict=True)
    ]
    assert np.array_equal(front, ~np.array(beaten))


class TestShippedResults:
    """The figures of the result file, from the values beside it."""

    figures = property(lambda self: json.loads((RESULTS / "attacks.json").read_text()))
    values = property(lambda self: load_arrays("attacks"))

    def test_every_interval_is_that_of_its_values(self):
        figures, checked = self.figures, 0
        for path, values in self.values.items():
            if values.dtype == np.uint8:
                continue
            found = figures
            for place in path.split("/"):
                found = found[int(place)] if isinstance(found, list) else found[place]
            assert found == kept_interval(values), path
            checked += 1
        assert checked > 300

    @pytest.mark.parametrize("task", TASKS)
    def test_every_point_of_a_task_says_where_it_was_measured_and_on_the_same_pictures(self, task):
        networks = network_rows(json.loads((RESULTS / "encrypted_search.json").read_text()))
        measured = points(self.figures, task, networks if task == "anatomy" else ())
        sources = {source for point in measured for source in point.sources}
        assert len({source.data for source in sources}) == 1
        assert all(source.commit for source in sources)
        assert {source.file for source in sources} == {"attacks.json", "encrypted_search.json"} - (
            set() if task == "anatomy" else {"encrypted_search.json"}
        )

    @pytest.mark.parametrize("task", TASKS)
    def test_every_advantage_is_that_of_its_values(self, task):
        figures, values = self.figures, self.values
        places = {TASKS[task]: figures[TASKS[task]], f"stored-codes/{task}": figures["stored-codes"][task]}
        for path, found in places.items():
            chances = figures[TASKS[task]]["protocol"]["chance"]
            for number, row in enumerate(found["rows"]):
                kept = {name: values[f"{path}/rows/{number}/{name}"] for name in (*GOALS["anything"], "luck")}
                for attack in ("kind", "labelled", "confirm"):
                    chance = chances["confirm" if attack == "confirm" else "kind"]
                    expected = Guesses(kept[attack], chance).advantage
                    assert row["advantage"][attack] == pytest.approx(expected, abs=2e-4)
                assert row["advantage"]["opened"] == pytest.approx(
                    sure_advantage(kept["opened"], kept["luck"].mean()), abs=2e-4
                )
        fetches, path = figures["private-search"][task]["fetches"], f"private-search/{task}/fetches"
        for attack in ("kind", "labelled", "confirm"):
            guesses = Guesses(values[f"{path}/{attack}"], chances["confirm" if attack == "confirm" else "kind"])
            assert fetches["advantage"][attack] == pytest.approx(guesses.advantage, abs=2e-4)
