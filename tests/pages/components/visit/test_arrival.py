"""The real gallery comes at one click, here from a host on this machine."""

import threading
import time
from contextlib import suppress

import pytest

from engine.datasets import fetch, load_dataset, manifest
from pages.components.visit import arrival, gallery
from tests.datasets import conftest as at_home
from tests.pages.conftest import small_gallery
from tests.pages.reading import texts

host, collection = at_home.host, at_home.collection


@pytest.fixture
def local(app, host, monkeypatch, tmp_path, request):
    """Let the dashboard fetch ten made-up pictures of a local host into an empty folder."""
    built_in = {name: small_gallery(name) for name in gallery.SHIPPED}
    rows = request.getfixturevalue("collection")
    at_home.write_manifest(manifest.MANIFESTS / "covidx-open.csv.gz", [row | {"split": "test"} for row in rows])
    monkeypatch.setenv("CXR_VAULT_DATA", str(tmp_path))
    monkeypatch.setenv(arrival.SWITCH, "on")
    monkeypatch.setattr(gallery, "load_dataset", lambda name: built_in.get(name) or load_dataset(name))
    monkeypatch.setattr(arrival, "fetch", lambda *given, **named: fetch(*given, base=host.base, **named))
    monkeypatch.setattr(arrival, "LIMITS", at_home.QUICK)
    forget()
    yield host
    wait()
    forget()


def forget() -> None:
    """Forget the galleries of this process."""
    for kept in (arrival.arrival, arrival.count, gallery.shelf, gallery._positions):
        kept.clear()


def wait() -> None:
    """Wait until the fetch has ended."""
    deadline = time.monotonic() + 120
    while arrival.arrival().running:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_click_replaces_the_built_in_pictures(local, open_page):
    app = open_page("enhance")
    assert "Built-in (real) gallery" in texts(app)
    app.button(key="fetch_real").click().run()
    assert not app.exception
    wait()
    app.run()
    assert app.query_params["gallery"] == "covidx-open"
    said = texts(app)
    assert "Real X-ray (made-up, CC0)" in said
    assert "COVIDx-open (real) gallery, 10 pictures" in said


def test_a_problem_is_one_sentence_and_the_next_click_goes_on(local, open_page, collection):
    lost = local.files.pop(at_home.address(collection[4]))
    app = open_page("enhance")
    app.button(key="fetch_real").click().run()
    wait()
    app.run()
    assert "1 of 10 pictures of covidx-open could not be fetched" in app.error[0].value
    assert "fetch again to go on" in app.error[0].value, "there is no command on a page"
    assert app.button(key="fetch_real").label == "Go on fetching real X-rays, from 9", "what failed is not here"
    assert "Built-in (real) gallery" in texts(app)
    local.files[at_home.address(collection[4])] = lost
    local.requests.clear()
    app.button(key="fetch_real").click().run()
    wait()
    assert sum(local.requests.values()) == 1
    app.run()
    assert "COVIDx-open (real) gallery" in texts(app)


def test_a_stopped_fetch_is_no_problem_and_goes_on_from_there(local, open_page):
    state = arrival.arrival()
    local.trouble = {address: lambda *_: setattr(state, "stopping", True) for address in list(local.files)[4:]}
    app = open_page("enhance")
    app.button(key="fetch_real").click().run()
    wait()
    app.run()
    assert not app.error
    assert app.button(key="fetch_real").label.startswith("Go on fetching real X-rays, from ")
    local.trouble = {}
    app.button(key="fetch_real").click().run()
    wait()
    assert "COVIDx-open (real) gallery" in texts(app.run())


def test_a_full_disk_is_said_before_anything_is_fetched(local, open_page, monkeypatch):
    monkeypatch.setattr(arrival, "FREE_BYTES", 2**62)
    app = open_page("enhance")
    app.button(key="fetch_real").click().run()
    wait()
    app.run()
    assert "make room for the pictures first" in app.error[0].value
    assert not local.requests


def test_a_host_can_keep_its_visitors_from_fetching(local, open_page, monkeypatch):
    monkeypatch.setenv(arrival.SWITCH, "off")
    app = open_page("enhance")
    assert "fetch_real" not in [button.key for button in app.button]
    arrival.start()
    assert not arrival.arrival().running


def test_who_asked_too_early_is_told_later(local, tmp_path):
    assert gallery.positions("covidx-open") == {}
    fetch("covidx-open", tmp_path, base=local.base, limits=at_home.QUICK)
    gallery.look_again("covidx-open")
    assert len(gallery.positions("covidx-open")) == 10


def test_two_visitors_start_one_fetch(local, monkeypatch):
    """Both find that nothing is running before either has started."""
    looked, begun = threading.Barrier(2, timeout=1), []

    def meet():
        with suppress(threading.BrokenBarrierError):
            looked.wait()
        return True

    monkeypatch.setattr(arrival, "offered", meet)
    monkeypatch.setattr(arrival, "_fetch", lambda state: begun.append(state))
    visitors = [threading.Thread(target=arrival.start) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    for fetching in threading.enumerate():
        if fetching.name == "fetching":
            fetching.join()
    arrival.arrival().running = False
    assert len(begun) == 1


def test_pictures_that_come_by_the_command_line_are_seen_without_a_restart(local, open_page, tmp_path):
    app = open_page("enhance")
    assert gallery.available() == gallery.SHIPPED
    fetch("covidx-open", tmp_path, base=local.base, limits=at_home.QUICK)
    gallery.look_again("covidx-open")
    app.run()
    assert app.segmented_control(key="picture_gallery").options == [
        "Built-in (real)",
        "COVIDx-open (real)",
        "Simulated",
    ]
    app.segmented_control(key="picture_gallery").set_value("covidx-open").run()
    assert "Real X-ray" in texts(app)
