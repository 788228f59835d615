"""The way from a client to a service: pooled connections, a token, patience, and a sentence for whatever goes wrong.

What comes back is from a stranger: sizes are bounded, JSON is checked against the schema that is expected, and a
server's own sentence is cut to one printable line.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.serving.errors import ServingError

if TYPE_CHECKING:
    import urllib3

MOST_JSON = 64 * 1024 * 1024
MOST_SENTENCE = 300
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PLAIN_VARIABLE = "CXR_VAULT_PLAIN_HTTP"
CERTIFICATE_VARIABLE, KEY_VARIABLE = "CXR_VAULT_CLIENT_CERTIFICATE", "CXR_VAULT_CLIENT_KEY"
_BUSY = (429, 502, 503, 504)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")


class LostError(ServingError):
    """The server cannot be reached, or the connection broke and did not come back."""


class AnswerError(ServingError):
    """The server answered with something else than was asked for."""


class RejectedError(ServingError):
    """The server said no.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, sentence: str) -> None:
        """Say no."""
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        times: tries after the first; each waits twice as long as the one before.
        connect: seconds for a connection.
        read: seconds for the next bytes of an answer.
    """

    times: int = 3
    connect: float = 5.0
    read: float = 120.0


class Transport:
    """Sends requests to one service; safe to share between threads."""

    def __init__(
        self, url: str, token: str | None, ca_file: Path | None = None, patience: Patience = Patience()
    ) -> None:
        """Prepare to talk to a service.

        Args:
            url: such as ``https://cloud.example.org``.
            token: what this service is sent (:func:`engine.serving.tokens.read_token`).
            ca_file: certificates to trust beside the system's.
            patience: how long to try.

        Raises:
            ServingError: the address is none, or would carry the token in the clear over a network.
        """
        self.url = _checked(url)
        self._token = token
        self._pool = _pool(ca_file, patience)

    def json(self, method: str, path: str, body: Any = None, schema: Mapping[str, Any] | None = None) -> Any:
        """Ask for JSON.

        Args:
            method: of HTTP.
            path: after the address.
            body: sent as JSON, or bytes.
            schema: JSON schema that the answer must follow.

        Raises:
            LostError: no answer.
            RejectedError: the server said no.
            AnswerError: the answer is not what was asked for.
        """
        from jsonschema import Draft202012Validator

        with self.stream(method, path, body) as read:
            data = read(MOST_JSON + 1)
        try:
            value = json.loads(data) if len(data) <= MOST_JSON else None
        except (ValueError, RecursionError):
            value = None
        if value is None or not Draft202012Validator(dict(schema or {})).is_valid(value):
            raise AnswerError(f"{self.url} answered with something else than {path} should: check the address.")
        return value

    def bytes(self, method: str, path: str, body: Any, most: int) -> bytes:
        """Ask for at most so many bytes; errors as in :meth:`json`."""
        with self.stream(method, path, body) as read:
            data = read(most + 1)
        if len(data) > most:
            raise AnswerError(f"{self.url} sent more than {path} should: do not trust it.")
        return data

    @contextmanager
    def stream(self, method: str, path: str, body: Any = None) -> Iterator[Any]:
        """Ask, and read the answer as it comes; errors as in :meth:`json`.

        Yields:
            A function that takes a number of bytes and returns so many, fewer only at the end.
        """
        import urllib3

        response = self._send(method, path, body)
        try:
            if response.status >= 300:
                raise self._no(response)

            def read(count: int) -> bytes:
                data = b""
                while len(data) < count and (part := response.read(count - len(data))):
                    data += part
                return data

            yield read
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LostError(f"The connection to {self.url} broke before its answer was here: try again.") from error
        finally:
            response.release_conn() if response.length_remaining == 0 else response.close()

    def _send(self, method: str, path: str, body: Any) -> "urllib3.BaseHTTPResponse":
        import urllib3

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        data: bytes | None = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/octet-stream" if data is body else "application/json"
        try:
            return self._pool.request(
                method, self.url + path, body=data, headers=headers, preload_content=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise LostError(
                f"{self.url} cannot be reached ({_reason(error)}): check the address, try again."
            ) from error

    def _no(self, response: "urllib3.BaseHTTPResponse") -> ServingError:
        try:
            sentence = json.loads(response.read(65_536))["error"]
        except (ValueError, TypeError, KeyError, RecursionError):
            sentence = None
        if not isinstance(sentence, str) or response.status < 400:
            return AnswerError(
                f"{self.url} answers with status {response.status}, not as a CXR Vault server: check it."
            )
        line = _UNPRINTABLE.sub(" ", sentence)[:MOST_SENTENCE].strip()
        return RejectedError(response.status, f"{self.url} refuses: {line.rstrip('.')}.")


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ServingError(f'"{url}" is no address of a server: write https://HOST[:PORT].')
    if parts.username is not None:
        raise ServingError("An address holds no name and password: put the token into a file (--token-file).")
    if parts.scheme == "http" and host not in LOOPBACK and os.environ.get(PLAIN_VARIABLE) != "on":
        raise ServingError(
            f"{url} would carry the token in the clear: use https://, or set {PLAIN_VARIABLE}=on in a private network."
        )
    return url.rstrip("/")


def _pool(ca_file: Path | None, patience: Patience) -> "urllib3.PoolManager":
    import ssl

    import urllib3

    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise ServingError(f"{ca_file} holds no certificate to trust: name a PEM file.") from error
    if certificate := os.environ.get(CERTIFICATE_VARIABLE):
        try:
            context.load_cert_chain(certificate, os.environ.get(KEY_VARIABLE))
        except OSError as error:
            raise ServingError(
                f"{CERTIFICATE_VARIABLE} and {KEY_VARIABLE} name no certificate and its key: name two PEM files."
            ) from error
    # Every request may be sent twice: uploads say where they start, quotas count different pictures.
    retries = urllib3.Retry(
        total=patience.times,
        redirect=False,
        status_forcelist=_BUSY,
        allowed_methods=None,
        backoff_factor=0.2,
        backoff_max=20,
        raise_on_status=False,
    )
    timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
    return urllib3.PoolManager(ssl_context=context, retries=retries, timeout=timeout, maxsize=16)


def _reason(error: Exception) -> str:
    """What is wrong with a connection, in few words."""
    import ssl

    cause: object = getattr(error, "reason", None) or error
    while isinstance(cause, BaseException):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "no TLS there"
        if isinstance(cause, ConnectionRefusedError):
            return "nothing answers there"
        if isinstance(cause, TimeoutError):
            return "no answer in time"
        inner = [part for part in cause.args if isinstance(part, BaseException)]
        cause = cause.__cause__ or getattr(cause, "reason", None) or (inner[0] if inner else None)
    return type(error).__name__.removesuffix("Error").lower()
