"""The study of defences: on codes made up, and the figures that are shipped, recomputed from the codes beside them."""

import json

import numpy as np
import pytest

from engine.artifacts import RESULTS
from engine.studies.attacks import defences
from engine.studies.attacks.values import separate
from tests.studies.attacks.test_hiding import codes


def quiet(done, total):
    pass


@pytest.fixture
def found(monkeypatch):
    labels = np.arange(90) % 3
    held = codes(90, 0)
    monkeypatch.setattr(defences, "stored_codes", lambda: (held, labels, codes(300, 1), np.arange(300) % 3, ("a", "b")))
    monkeypatch.setattr(defences, "DRAWS", 3)
    return defences.defences_study(quiet)


def test_a_user_who_tells_gives_all_codes_away_and_other_ids_help_where_codes_are_equal(found):
    together, linked, apart = found["masks"]
    assert together["unmasked"].tolist() == [1, 1, 1]
    assert linked["unmasked"].mean() >= apart["unmasked"].mean()
    assert together["bytes_a_user"] == 0 < linked["bytes_a_user"]


def test_decoys_cost_rows_and_fetches_and_leave_known_pictures_as_telling(found):
    none, *rows = found["decoys"]
    assert none["fetched"].tolist() == [10.0] * 90
    for row in rows:
        assert row["rows"] == 1 + row["decoys"]
        assert np.array_equal(row["one_known"], none["one_known"])
        assert (row["fetched"] >= none["fetched"]).all()


def test_coarser_distances_tell_less_and_find_less(found):
    exact, *_, widest, order = found["coarser"]
    assert exact["bits"]["384"].mean() == 1
    assert widest["bits"]["96"].mean() < exact["bits"]["96"].mean()
    assert widest["kept"].mean() < exact["kept"].mean() == 1
    assert order["kept"].mean() == 1


def test_the_shipped_figures_are_those_of_the_shipped_codes():
    found, _ = separate(defences.defences_study(quiet))
    stored = json.loads((RESULTS / "attacks.json").read_text())["defences"]
    assert {name: stored[name] for name in found} == found
