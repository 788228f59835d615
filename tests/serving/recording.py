"""A wire that writes down every byte that passes, in both directions."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Recorder:
    """Passes connections on to a server and keeps what was said.

    Attributes:
        url: where to connect instead.
        port: of it.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._streams: list[list[bytes]] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._cut_after: int | None = None
        self._passed = 0

    def __enter__(self) -> "Recorder":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def seen(self) -> list[bytes]:
        """What passed, each direction of every connection joined."""
        with self._lock:
            return [b"".join(parts) for parts in self._streams]

    def cut_after(self, count: int | None) -> None:
        """Break every connection once so many further bytes have passed; None for never."""
        with self._lock:
            self._cut_after, self._passed = count, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        parts: list[bytes] = []
        with self._lock:
            self._streams.append(parts)
        with suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    parts.append(data)
                    self._passed += len(data)
                    cut = self._cut_after is not None and self._passed > self._cut_after
                if cut:
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
