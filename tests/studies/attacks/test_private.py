"""What fetches of a private search tell, on codes made up."""

from dataclasses import replace

import numpy as np
import pytest

from engine.attacks.outcome import AttackError
from engine.hashing.codes import pack_bits
from engine.studies.attacks import private

pytest.importorskip("tenseal", reason="private search is an extra: pip install -r requirements-private.txt")


def made(spread, seed=0):
    """Codes of three classes, ``spread`` of their bits changed, with labels and splits."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat([0, 1, 2], [200, 100, 60]))
    centres = rng.random((3, 48)) < 0.5
    splits = rng.permutation(np.repeat(["train", "val", "test"], 120))
    return pack_bits(centres[labels] ^ (rng.random((360, 48)) < spread)), labels, splits


def test_fetches_tell_the_label_of_what_codes_tell():
    found = private.measure_fetches(*made(0.05))["fetches"]
    assert found["advantage"]["labelled"] > 0.3
    assert found["advantage"]["opened"] == 0
    assert found["confirm"].mean() < 0.2
    assert len(found["kind"]) == 120


def test_codes_that_say_nothing_leave_nothing_in_fetches():
    found = private.measure_fetches(*made(0.5))["fetches"]
    assert found["advantage"] == {"kind": 0.0, "labelled": 0.0, "confirm": 0.0, "opened": 0.0}


def test_both_searches_are_exact_and_encrypted_codes_cost_more():
    found = private.measure_search(made(0.2)[0])["searches"]
    assert found["encrypted"]["bytes"] > found["private"]["bytes"] > 500_000
    assert found["encrypted"]["bytes_a_code"] > 1000


def test_a_search_that_finds_something_else_is_no_result(monkeypatch):
    honest = private.answer
    monkeypatch.setattr(private, "answer", lambda question, rows: honest(question, replace(rows, codes=~rows.codes)))
    with pytest.raises(AttackError, match="other distances"):
        private.measure_search(made(0.2)[0])
