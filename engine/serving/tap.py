"""A wire on this machine that writes down what passes, and what was said over it as requests and answers."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

Direction = Literal["sent", "received"]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they crossed a wire.

    Attributes:
        party: who asked.
        method: of HTTP.
        path: what was asked for.
        status: of the answer.
        sent: body of the request.
        received: body of the answer.
        size: bytes that crossed in both directions, heads of HTTP among them.
    """

    party: str
    method: str
    path: str
    status: int
    sent: bytes = field(repr=False)
    received: bytes = field(repr=False)
    size: int


class Wire:
    """What passed on several taps, in order; the programs on them speak one after the other."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self._parts: list[tuple[str, Direction, bytes]] = []
        self._lock = threading.Lock()

    def hear(self, party: str, direction: Direction, data: bytes) -> None:
        """Take down what passes."""
        with self._lock:
            self._parts.append((party, direction, data))

    def raw(self) -> list[bytes]:
        """All that one side said before the other did, again and again."""
        with self._lock:
            runs = groupby(self._parts, key=lambda part: part[:2])
            return [b"".join(data for *_, data in run) for _, run in runs]

    def exchanges(self) -> list[Exchange]:
        """The same as requests and their answers."""
        with self._lock:
            runs = [(key, b"".join(data for *_, data in run)) for key, run in groupby(self._parts, lambda one: one[:2])]
        pairs = zip(runs[::2], runs[1::2], strict=False)
        return [_exchange(party, request, answer) for ((party, _), request), (_, answer) in pairs]


class Tap:
    """Passes the connections of one party on to a server.

    Attributes:
        url: where the party connects.
    """

    def __init__(self, party: str, port: int, wire: Wire) -> None:
        """Listen on the loopback.

        Args:
            party: whose connections these are.
            port: of the server on this machine.
            wire: writes down what passes.
        """
        self._party, self._port, self._wire = party, port, wire
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "Tap":
        """Begin."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take no further connection."""
        # Closing alone does not wake who waits for one.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            ways: Sequence[tuple[socket.socket, socket.socket, Direction]] = (
                (client, server, "sent"),
                (server, client, "received"),
            )
            for way in ways:
                way[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(65_536):
                self._wire.hear(self._party, direction, data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def _exchange(party: str, request: bytes, answer: bytes) -> Exchange:
    import h11

    asking, answering = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    asked, sent = _message(asking, request)
    # It has to know what was asked, for that says where an answer ends.
    answering.send(h11.Request(method=asked.method, target=asked.target, headers=[("Host", "cloud")]))
    answering.send(h11.EndOfMessage())
    answered, received = _message(answering, answer)
    path = asked.target.decode("ascii", "replace")
    method = asked.method.decode("ascii", "replace")
    return Exchange(party, method, path, int(answered.status_code), sent, received, len(request) + len(answer))


def _message(connection: Any, data: bytes) -> tuple:
    """The head of the one message in some bytes, and its body."""
    head, *rest = list(_events(connection, data))
    return head, b"".join(bytes(event.data) for event in rest if hasattr(event, "data"))


def _events(connection: Any, data: bytes) -> Iterator:
    import h11

    connection.receive_data(data)
    while (event := connection.next_event()) is not h11.NEED_DATA:
        yield event
        if isinstance(event, h11.EndOfMessage):
            return
