"""What an operator sees of a service: one JSON line a request, and figures for Prometheus. No codes, names or keys."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTES = "cxr_vault"
"""Under this name a request carries its :class:`Notes`."""


class Log:
    """Writes one JSON object a line."""

    def __init__(self, service: str, stream: TextIO | None = None) -> None:
        """Log what a service does.

        Args:
            service: its name.
            stream: where to; standard error if not given.
        """
        self._service, self._stream, self._lock = service, stream, Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Write one line: time, service, event and facts, which must hold no code, name or key."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "service": self._service, "event": event}
        with self._lock:
            print(json.dumps(line | facts), file=self._stream or sys.stderr, flush=True)


class Metrics:
    """Counters and times of a service, as Prometheus reads them."""

    def __init__(self, service: str) -> None:
        """Start at zero."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._service = service
        self._requests = Counter(
            f"cxr_vault_{service}_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            f"cxr_vault_{service}_seconds", "Time to answer.", ["route", "method"], registry=self.registry
        )
        self._bytes = Counter(f"cxr_vault_{service}_bytes", "Bytes of bodies.", ["direction"], registry=self.registry)
        self._in_flight = Gauge(f"cxr_vault_{service}_in_flight", "Requests being answered.", registry=self.registry)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for when somebody looks."""
        from prometheus_client import Gauge

        Gauge(f"cxr_vault_{self._service}_{name}", meaning, registry=self.registry).set_function(value)

    def counter(self, name: str, meaning: str) -> Callable[[float], None]:
        """Show a sum; returns what adds to it."""
        from prometheus_client import Counter

        return Counter(f"cxr_vault_{self._service}_{name}", meaning, registry=self.registry).inc

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)

    def enter(self) -> None:
        """A request has come."""
        self._in_flight.inc()

    def leave(self, notes: "Notes", seconds: float) -> None:
        """A request has been answered."""
        self._in_flight.dec()
        self._requests.labels(notes.route, notes.method, str(notes.status)).inc()
        self._seconds.labels(notes.route, notes.method).observe(seconds)
        self._bytes.labels("in").inc(notes.received)
        self._bytes.labels("out").inc(notes.sent)


@dataclass
class Notes:
    """What is written down of one request.

    Attributes:
        method: of HTTP; of an unknown one "other".
        route: the path with placeholders; of an unknown one "other".
        who: id of the caller's token.
        status: of the answer; 0 if the connection broke before it.
        received: bytes of the request's body.
        sent: bytes of the answer's body.
        problem: kind of an unexpected error.
    """

    method: str
    route: str = "other"
    who: str = ""
    status: int = 0
    received: int = 0
    sent: int = 0
    problem: str = ""


class Watch:
    """Middleware that counts, times and logs every request, and turns away what is too many at a time."""

    def __init__(self, app: "ASGIApp", log: Log, metrics: Metrics, in_flight: int, busy: "ASGIApp") -> None:
        """Watch an application.

        Args:
            app: the application.
            log: takes a line a request.
            metrics: count it.
            in_flight: requests at a time.
            busy: answers the others.
        """
        self._app, self._log, self._metrics, self._most, self._busy = app, log, metrics, in_flight, busy
        self._here = 0

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on and write down what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = scope["method"] in ("GET", "HEAD", "POST", "PUT", "DELETE")
        notes, start = Notes(scope["method"] if known else "other"), time.perf_counter()
        scope[NOTES] = notes
        self._here += 1
        self._metrics.enter()
        try:
            app = self._app if self._here <= self._most else self._busy
            await app(scope, _counting(receive, notes), _noting(send, notes))
        finally:
            self._here -= 1
            seconds = time.perf_counter() - start
            self._metrics.leave(notes, seconds)
            facts = {name: value for name, value in vars(notes).items() if value != "" or name == "who"}
            self._log.write("request", **facts, ms=round(1000 * seconds, 2))


def _counting(receive: "Receive", notes: Notes) -> "Receive":
    async def counted() -> "Message":
        message = await receive()
        notes.received += len(message.get("body", b""))
        return message

    return counted


def _noting(send: "Send", notes: Notes) -> "Send":
    async def noted(message: "Message") -> None:
        if message["type"] == "http.response.start":
            notes.status = message["status"]
        notes.sent += len(message.get("body", b""))
        await send(message)

    return noted
