"""The dial for what codes keep."""

import json

import pytest

from engine.cli import parser
from engine.hashing.keeps import KEEPS
from pages.components.kit.results import FOLDER
from pages.components.retrieve.keeping import told
from pages.components.retrieve.takeaway import command


@pytest.mark.parametrize("keeps", KEEPS)
def test_what_a_position_tells_is_read_from_the_result(keeps):
    row = json.loads((FOLDER / "dial.json").read_text())["shares"][keeps]
    assert f"the label of {row['purity'][0]:.0%} of pictures" in told(keeps)
    assert f"among the ten for {row['kin_in_ten'][0]:.0%}" in told(keeps)


def test_nothing_is_told_where_nobody_measured(monkeypatch):
    monkeypatch.setattr("pages.components.retrieve.keeping.result", lambda name: None)
    assert told("both") == ""


@pytest.mark.parametrize("keeps", KEEPS)
def test_the_command_makes_codes_of_the_same_share(keeps):
    words = command(32, keeps).splitlines()[0].split()[3:]
    options = parser("index").parse_args(words)
    assert (options.codes, options.bits) == (keeps, 32)
