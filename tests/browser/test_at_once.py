"""Five visitors at once, each with the same bomb, at a real server; and what the shipped result file says of all."""

import json
import sys

import pytest

from benchmarks.app import Server
from benchmarks.at_once import BRINGERS, KEPT_SECONDS, MOST_MIB, MOST_SECONDS, thrown
from engine.artifacts import RESULTS
from scripts.live_app import running
from tests.imaging import bombs

# A server that has opened every page holds about so much by itself (`python -m benchmarks.app`).
OWN_MIB = 500


@pytest.mark.skipif(sys.platform != "linux", reason="this system does not say what a process has held at most")
def test_the_dearest_bombs_from_five_visitors_at_once_stay_within_a_small_host(tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", str(KEPT_SECONDS))
    dear = bombs.all_of_them()
    with running(tmp_path) as (address, pid):
        server = Server(pid)
        for name in ("run lengths", "RGBA PNG of 16 bits"):
            before = server.memory
            found = thrown(address, server, dear[name])
            assert found["peak_mib"] - before < MOST_MIB - OWN_MIB, name
            assert found["seconds_each"] < MOST_SECONDS, name
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_every_bomb_was_measured_and_kept_its_bounds():
    found = json.loads((RESULTS / "at_once.json").read_text())
    assert found["bringers"] == BRINGERS == 5
    assert set(bombs.all_of_them()) <= set(found["bombs"])
    for name, bomb in found["bombs"].items():
        assert bomb["peak_mib"] <= MOST_MIB, name
        assert bomb["seconds_each"] <= MOST_SECONDS, name
    assert list(found["visitors"]) == ["1", "5", "20"]
