"""A lost connection keeps what a visit holds for the stated time, the end of the visit frees it."""

import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import PUBLIC, encode_jpeg, encode_png, load_described
from pages.components.visit import collection, holding, uploads
from pages.components.visit.uploads import Upload, forget_upload
from tests.imaging.conftest import dicom_bytes

PATIENCE = 10


class Thing:
    """Says when it is freed."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def free(self) -> None:
        self.freed.set()


@pytest.fixture
def visit(monkeypatch):
    """Whether the visitor of session "one" is connected, on a server that runs."""
    connected = threading.Event()
    connected.set()
    monkeypatch.setattr(holding, "_watched", lambda: "one")
    monkeypatch.setattr(holding, "_connected", lambda session: connected.is_set())
    monkeypatch.setattr(holding, "seconds_kept", lambda: 0.05)
    monkeypatch.setattr(holding.runtime, "exists", lambda: True)
    yield connected
    holding._HELD.pop("one", None)


def lose(connected: threading.Event) -> None:
    connected.clear()
    holding._lost("one")


def test_what_a_visit_held_is_freed_when_it_does_not_come_back(visit):
    thing = Thing()
    holding.shelf("upload").append(thing)
    lose(visit)
    assert thing.freed.wait(PATIENCE)
    assert "one" not in holding._HELD


def test_who_comes_back_finds_it_and_may_lose_the_connection_again(visit, monkeypatch):
    thing = Thing()
    holding.shelf("upload").append(thing)
    monkeypatch.setattr(holding, "seconds_kept", lambda: PATIENCE)
    lose(visit)
    visit.set()
    assert holding.shelf("upload") == [thing]
    assert holding._HELD["one"].waiting is None
    monkeypatch.setattr(holding, "seconds_kept", lambda: 0.05)
    lose(visit)
    assert thing.freed.wait(PATIENCE)


def test_one_who_is_back_without_a_run_keeps_it_until_lost_without_a_word(visit):
    thing = Thing()
    holding.shelf("upload").append(thing)
    lose(visit)
    visit.set()
    assert not thing.freed.wait(0.2)
    visit.clear()
    assert thing.freed.wait(PATIENCE)


def test_a_script_that_outlives_its_visit_keeps_nothing(visit):
    visit.clear()
    holding.shelf("upload").append(Thing())
    assert "one" not in holding._HELD


def test_the_notices_state_the_time_of_the_settings():
    settings = tomllib.loads((Path(__file__).parents[4] / ".streamlit" / "config.toml").read_text())
    seconds = settings["server"]["disconnectedSessionTTL"]
    for said in (uploads.RETENTION, collection.RETENTION):
        assert f"{seconds} seconds after you close" in said


@pytest.mark.parametrize("writeable", [True, False])
def test_cleared_pixels_are_overwritten_where_that_is_possible(visit, writeable):
    pixels = np.full((4, 4), 7, np.uint16)
    pixels.flags.writeable = writeable
    uploads._shelf()[:] = [Upload("a", pixels)]
    forget_upload()
    assert uploads._shelf() == []
    assert pixels.any() != writeable


@pytest.mark.parametrize("encode", [encode_png, encode_jpeg, dicom_bytes])
def test_what_is_decoded_from_a_file_can_be_overwritten(encode):
    image, _ = load_described(encode(np.arange(256, dtype=np.uint8).reshape(16, 16)), PUBLIC)
    # Memory of its own: what is overwritten is the picture, not a copy.
    assert image.flags.writeable
    assert image.base is None or image.base.flags.writeable
    Upload("a", image).free()
    assert not image.any()
