"""What keeps reruns fast and memory small."""

import gc
import os
import socket
import sys
import weakref

import pytest

from pages.components.kit import tuning


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()
    tuning.tidied.clear()


def test_a_new_library_is_set_aside_once(monkeypatch):
    tuning.tidied.clear()
    tuning.tidy()
    assert gc.get_freeze_count() > 10_000
    calls = []
    monkeypatch.setattr(tuning.gc, "collect", lambda: calls.append("collect"))
    tuning.tidy()
    assert not calls
    monkeypatch.setitem(sys.modules, "a library of this test", sys)
    tuning.tidy()
    assert calls == ["collect"]


def test_what_a_visitor_left_is_found_at_the_next_tidying():
    class Visit:
        pass

    tuning.tidied.clear()
    visit = Visit()
    visit.itself = visit
    alive = weakref.ref(visit)
    tuning.tidy()
    del visit
    gc.collect()
    assert alive() is not None, "set aside, so not looked at"
    tuning.tidied().at -= tuning.TIDY_SECONDS + 1
    tuning.tidy()
    assert alive() is None


def test_what_a_visitor_left_since_is_given_back_soon_and_no_library_is_looked_at(monkeypatch):
    tuning.tidied.clear()
    tuning.tidy()
    frozen, calls = gc.get_freeze_count(), []
    monkeypatch.setattr(tuning, "return_memory", lambda: calls.append(gc.get_freeze_count()))
    tuning.tidy()
    assert not calls
    tuning.tidied().returned -= tuning.RETURN_SECONDS + 1
    tuning.tidy()
    tuning.tidy()
    assert calls == [frozen]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not list the descriptors of a process")
def test_a_connection_to_a_listening_socket_sends_at_once():
    tuning.send_at_once.clear()
    # As Streamlit opens it: without naming TCP, which keeps asyncio from setting the option itself.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert tuning.send_at_once() >= 1
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    tuning.send_at_once.clear()


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="this system does not list the descriptors of a process")
def test_looking_at_descriptors_keeps_none_open():
    reader, writer = os.pipe()
    gc.collect()  # what waits to be closed is closed now
    before = len(os.listdir("/dev/fd"))
    tuning.send_at_once.clear()
    tuning.send_at_once()
    tuning.send_at_once.clear()
    assert len(os.listdir("/dev/fd")) <= before
    os.close(writer)
    assert os.read(reader, 1) == b"", "the end of the pipe is seen"
    os.close(reader)
