"""A service: a table of endpoints, and one way in for all of them.

Who asks, how much, how often and in what form is checked here, before an endpoint's own work begins; routes, the
OpenAPI description and the tests' table are all made from :class:`Endpoint`.
"""

import errno
import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from engine.errors import VaultError
from engine.serving.errors import RefusedError
from engine.serving.limits import Limits, Rate
from engine.serving.tokens import Audience, Grant, Role, TokenFile
from engine.serving.watch import NOTES, Log, Metrics, Watch

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

SMALL_BYTES = 256 * 1024
BINARY = "application/octet-stream"
# A wrong token costs its sender as much as so many requests.
WRONG_TOKEN_COST = 10.0

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A request that has been let in.

    Attributes:
        grant: of the caller; None at an open endpoint.
        path: values of the placeholders in the path.
        query: values after the question mark.
        body: JSON as the endpoint's schema describes it, or bytes.
    """

    grant: Grant | None
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = field(repr=False)

    @property
    def name(self) -> str:
        """Of the caller."""
        return self.grant.name if self.grant else ""


@dataclass(frozen=True)
class Endpoint:
    """One thing that a service does.

    Attributes:
        method: of HTTP.
        path: with placeholders in braces.
        summary: what it does, one sentence.
        handle: does it, in a thread; raises :class:`RefusedError` or another error of the engine.
        roles: who may; none means everybody, without a token.
        body: JSON schema of the request's body, ``BINARY``, or None.
        answer: JSON schema of the answer, or its media type.
        largest: bytes of the body.
        query: parameters after the question mark, each with what it means.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    handle: Callable[[Call], "Response"]
    roles: frozenset[Role] = frozenset()
    body: Schema | str | None = None
    answer: Schema | str = BINARY
    largest: int = SMALL_BYTES
    query: Mapping[str, str] = field(default_factory=dict)


class Service:
    """Serves a table of endpoints."""

    def __init__(
        self,
        name: Audience,
        sees: Sequence[str],
        endpoints: Sequence[Endpoint],
        tokens: TokenFile,
        limits: Limits,
        log: Log,
        metrics: Metrics,
    ) -> None:
        """Prepare a service.

        Args:
            name: "cloud" or "owner".
            sees: sentences that say what this server gets to see; ``GET /`` shows them.
            endpoints: what it does, beside ``/``, ``/metrics``, ``/v1/healthz`` and ``/v1/openapi.json``.
            tokens: whom it lets in.
            limits: how much.
            log: takes a line a request.
            metrics: count it.
        """
        from anyio import CapacityLimiter
        from jsonschema import Draft202012Validator

        self.name, self.limits, self.log, self.metrics = name, limits, log, metrics
        self._sees, self._tokens = sees, tokens
        self._rate = Rate(limits.rate, limits.burst)
        self._threads, self._large = CapacityLimiter(limits.threads), CapacityLimiter(limits.large)
        self.endpoints = [*endpoints, *self._common()]
        self._validators = {
            id(one): Draft202012Validator(one.body) for one in self.endpoints if isinstance(one.body, Mapping)
        }

    def application(self) -> "Starlette":
        """The ASGI application."""
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.middleware import Middleware
        from starlette.routing import Route

        routes = [Route(one.path, self._serving(one), methods=[one.method]) for one in self.endpoints]
        watch = Middleware(
            Watch, log=self.log, metrics=self.metrics, in_flight=self.limits.in_flight, busy=self._too_many
        )
        return Starlette(routes=routes, middleware=[watch], exception_handlers={HTTPException: self._lost})

    def _common(self) -> list[Endpoint]:
        from engine.serving.description import describe_service, front_page

        watchers: frozenset[Role] = frozenset(("monitor", "owner"))
        return [
            Endpoint("GET", "/", "Say what this server sees.", lambda _: _html(front_page(self.name, self._sees))),
            Endpoint("GET", "/v1/healthz", "Say that the server runs.", lambda _: answer({"status": "ok"}), answer={}),
            Endpoint(
                "GET",
                "/v1/openapi.json",
                "Describe this API (OpenAPI 3.1).",
                lambda _: answer(describe_service(self.name, self.endpoints)),
                answer={},
            ),
            Endpoint(
                "GET",
                "/metrics",
                "Figures for Prometheus.",
                lambda _: _plain(self.metrics.text()),
                watchers,
                None,
                "text/plain",
            ),
        ]

    def _serving(self, endpoint: Endpoint) -> Callable:
        async def serve(request: "Request") -> "Response":
            notes = request.scope[NOTES]
            notes.route = endpoint.path
            try:
                grant = self._admit(request, endpoint)
                notes.who = grant.id if grant else ""
                if endpoint.largest <= SMALL_BYTES:
                    return await self._work(request, endpoint, grant)
                async with self._large:
                    return await self._work(request, endpoint, grant)
            except RefusedError as refusal:
                return refused(refusal)
            except (VaultError, OSError) as error:
                # Its sentence may name a path or an address of this machine.
                self.log.write("trouble", route=endpoint.path, kind=type(error).__name__, sentence=str(error))
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    return refused(RefusedError(507, "The server's disk is full: nothing was kept, tell its operator."))
                return refused(RefusedError(503, "The server cannot do this now: its operator finds why in its log."))
            except Exception as error:
                notes.problem = type(error).__name__
                self.log.write("bug", route=endpoint.path, kind=notes.problem, where=_where(error))
                return refused(
                    RefusedError(500, "The server has failed at this request: its operator finds it in its log.")
                )

        return serve

    async def _work(self, request: "Request", endpoint: Endpoint, grant: Grant | None) -> "Response":
        from anyio.to_thread import run_sync

        body = await self._body(request, endpoint)
        call = Call(grant, request.path_params, request.query_params, body)
        return await run_sync(endpoint.handle, call, limiter=self._threads)

    def _admit(self, request: "Request", endpoint: Endpoint) -> Grant | None:
        """Say who asks, or refuse."""
        host = request.client.host if request.client else "?"
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        if not endpoint.roles:
            self._slow_down(host)
            return None
        grant = self._tokens.find(sent.strip(), self.name) if scheme.lower() == "bearer" else None
        if grant is None:
            self._slow_down(host, WRONG_TOKEN_COST)
            raise RefusedError(401, "This needs a token that this server knows: name its file.", _ASK)
        if grant.over:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            raise RefusedError(
                401, f"The token ended at {grant.expires}, and here it is {now}: ask for a new one.", _ASK
            )
        self._slow_down(grant.id)
        if grant.role not in endpoint.roles:
            needed = " or ".join(sorted(endpoint.roles))
            raise RefusedError(403, f"A token of the role {grant.role} may not do this: it takes the role {needed}.")
        return grant

    def _slow_down(self, caller: str, cost: float = 1.0) -> None:
        seconds = self._rate.wait(caller, cost)
        if seconds:
            headers = {"Retry-After": str(int(seconds) + 1)}
            raise RefusedError(429, f"These are too many requests: wait {seconds:.1f} seconds.", headers)

    async def _body(self, request: "Request", endpoint: Endpoint) -> Any:
        if endpoint.body is None:
            return None
        data = await self._received(request, endpoint.largest)
        if endpoint.body == BINARY:
            return data
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise RefusedError(400, "The body is not JSON: send what the API describes.") from None
        for error in self._validators[id(endpoint)].iter_errors(value):
            place = "/".join(map(str, error.absolute_path)) or "the body"
            raise RefusedError(422, f"{place} is not what the API describes ({error.validator}): correct it.")
        return value

    async def _received(self, request: "Request", largest: int) -> bytes:
        from anyio import fail_after
        from starlette.requests import ClientDisconnect

        too_large = RefusedError(
            413, f"The body is larger than {largest} bytes: send less at a time.", {"Connection": "close"}
        )
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > largest:
            raise too_large
        data = bytearray()
        try:
            with fail_after(self.limits.body_seconds):
                async for chunk in request.stream():
                    data += chunk
                    if len(data) > largest:
                        raise too_large
        except TimeoutError:
            raise RefusedError(
                408, "The body did not arrive in time: send it again.", {"Connection": "close"}
            ) from None
        except ClientDisconnect:
            raise RefusedError(400, "The connection broke before the body had arrived.") from None
        return bytes(data)

    async def _lost(self, request: "Request", error: Any) -> "Response":
        status = error.status_code
        sentence = {404: "There is nothing at this path", 405: "This path takes another method"}.get(
            status, "This cannot be answered"
        )
        return refused(
            RefusedError(status, f"{sentence}: /v1/openapi.json describes the API.", dict(error.headers or {}))
        )

    async def _too_many(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        busy = RefusedError(503, "The server is busy: try again in a second.", {"Retry-After": "1"})
        await refused(busy)(scope, receive, send)


_ASK = {"WWW-Authenticate": "Bearer"}


def answer(value: Any, status: int = 200) -> "Response":
    """Answer with JSON."""
    from starlette.responses import Response

    data = json.dumps(value, separators=(",", ":")).encode()
    return Response(data, status, {"Cache-Control": "no-store"}, "application/json")


def refused(refusal: RefusedError) -> "Response":
    """Answer with a sentence and its status."""
    response = answer({"error": str(refusal)}, refusal.status)
    response.headers.update(refusal.headers)
    return response


def _plain(data: bytes) -> "Response":
    from starlette.responses import Response

    return Response(data, media_type="text/plain; version=0.0.4")


def _html(text: str) -> "Response":
    from starlette.responses import HTMLResponse

    return HTMLResponse(text, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _where(error: BaseException) -> str:
    """The last line of code an error passed, without its message, which may hold what is not to be logged."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.lineno}"
