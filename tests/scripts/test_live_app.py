import random
import socket
from types import SimpleNamespace

from scripts.live_app import free_port


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ports = iter((listening.getsockname()[1], 0))
        monkeypatch.setattr(random, "Random", lambda: SimpleNamespace(randrange=lambda low, high: next(ports)))
        assert free_port() == 0
        assert list(ports) == []
