"""Runs a service: binds its address, speaks TLS if it is given a certificate, and stops when it is told to."""

import logging
import signal
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.serving.errors import ServingError

if TYPE_CHECKING:
    import uvicorn

    from engine.serving.service import Service
    from engine.serving.watch import Log

# What is being answered may be finished.
GRACE_SECONDS = 20
IDLE_SECONDS = 30


@dataclass(frozen=True)
class Tls:
    """Files for TLS.

    Attributes:
        certificate: PEM, the server's and what it stands on.
        key: PEM, the server's private key.
        client_ca: PEM; if given, a client needs a certificate that this one signed.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """Refuse files that are none.

        Raises:
            ServingError: a file is missing, or they do not belong together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.client_ca:
                context.load_verify_locations(self.client_ca)
        except OSError as error:
            raise ServingError(
                f"{self.certificate} and {self.key} are no certificate and its key: name two PEM files."
            ) from error


def bound(host: str, port: int) -> socket.socket:
    """Take an address.

    Args:
        host: name or number.
        port: 0 for any that is free.

    Raises:
        ServingError: it is taken, or none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServingError(f"{host}:{port} cannot be served ({reason}): choose another --host or --port.") from error
    # Connections inherit it. asyncio sets it on sockets that name TCP only, and this one names none: each answer's body
    # would wait 40 ms for its head to be acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def prepared(service: "Service", tls: Tls | None = None) -> "uvicorn.Server":
    """A server for a service, to be run on sockets."""
    import uvicorn

    if tls:
        tls.check()
    _log_by(service.log)
    options: dict = {}
    if tls:
        options = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    if tls and tls.client_ca:
        options |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    config = uvicorn.Config(
        service.application(),
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        # A backstop: connections that send nothing are not counted by the service.
        limit_concurrency=8 * service.limits.in_flight,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **options,
    )
    return uvicorn.Server(config)


def run(service: "Service", host: str, port: int, tls: Tls | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish what has been begun.

    Raises:
        ServingError: the address or the certificate cannot be used.
    """
    server = prepared(service, tls)
    with bound(host, port) as listening:
        taken = listening.getsockname()[1]
        service.log.write("listening", url=f"{'https' if tls else 'http'}://{host}:{taken}")
        # The server raises the signal again when it has stopped; that is no reason to fail.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server.run(sockets=[listening])
    service.log.write("stopped")


class _Lines(logging.Handler):
    """Passes on what uvicorn has to say, without what it is about."""

    def __init__(self, log: "Log") -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._log.write("http", message=str(record.msg).splitlines()[0][:200], kind=kind)


def _log_by(log: "Log") -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers, logger.propagate = [_Lines(log)], False
    logger.setLevel(logging.WARNING)
