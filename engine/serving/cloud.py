"""The untrusted server's HTTP service: a store, and the one that is to take its place. No torch, no cipher, no key."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from engine.retrieval.server import CloudServer
from engine.serving.cloud_endpoints import OWNER, CloudService
from engine.serving.errors import RefusedError
from engine.serving.limits import Limits
from engine.serving.service import Call, Endpoint, Service, answer
from engine.serving.tokens import TokenFile
from engine.serving.uploads import Uploads
from engine.serving.watch import Log, Metrics

if TYPE_CHECKING:
    from starlette.responses import Response

SEES = (
    "masked codes and sketches: their distances, so which pictures are alike, and nothing of what they show;",
    "sealed pictures and sealed notes: their sizes, when they came and when they are fetched;",
    "which rows each question returns, and which are fetched next;",
    "who asks (a token's id), when, and how often; equal questions are seen to be equal;",
    "no key, no picture, no name, no label. But the mask is one secret for all users of a gallery: a single user who "
    "tells it to this server unmasks every code.",
)
_ENDING = {
    "type": "object",
    "required": ["epoch", "gallery"],
    "properties": {
        "epoch": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        "gallery": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "additionalProperties": False,
}


class SuccessorService(CloudService):
    """The same for the store that an owner fills to take this one's place, under new masks or another key.

    Nobody but owners sees it, and readers see the old store until all of the new one is there.
    """

    base = "/v1/next"
    keepers = OWNER

    def __init__(self, server: CloudServer, uploads: Uploads) -> None:
        """Serve the successor of a store; see :class:`CloudService`."""
        super().__init__(server, uploads)
        self._next: CloudServer | None = None
        self._lock = Lock()

    @property
    def _server(self) -> CloudServer:
        with self._lock:
            self._next = self._next or self._of.successor()
            return self._next

    def endpoints(self, rows_bytes: int) -> list[Endpoint]:
        """The table of what is done with a successor; it is not searched."""
        ending = "Have the successor take the store's place at once."
        return [
            *self._keeping(),
            *self._uploading(rows_bytes),
            Endpoint("POST", f"{self.base}/succeed", ending, self.succeed, OWNER, _ENDING, answer={}),
            Endpoint("DELETE", self.base, "Forget the successor.", self.discard, OWNER, answer={}),
        ]

    def succeed(self, call: Call) -> "Response":
        """Exchange the stores; asked twice, they are exchanged once."""
        ready, held = self._server.gallery, self._of.gallery
        if ready is None and held is not None and held.id.hex() == call.body["gallery"]:
            return answer({"succeeded": True})
        if ready is None or ready.id.hex() != call.body["gallery"]:
            raise RefusedError(409, "There is no such successor here: run the command again.")
        if self._of.state.epoch != call.body["epoch"]:
            raise RefusedError(409, "The store has changed meanwhile: run the command again.")
        self._of.succeed(call.body["epoch"])
        self._close()
        return answer({"succeeded": True})

    def discard(self, call: Call) -> "Response":
        """Delete what was sent so far."""
        self._server.discard()
        self._close()
        return answer({"discarded": True})

    def _close(self) -> None:
        """Give back the memory and connections of what is there no more."""
        with self._lock:
            if self._next is not None:
                self._next.close()
            self._next = None


def cloud_endpoints(server: CloudServer, uploads: Uploads, later: Uploads, rows_bytes: int) -> list[Endpoint]:
    """All that a cloud does.

    Args:
        server: holds the store.
        uploads: hold what is on its way into it.
        later: the same of its successor.
        rows_bytes: largest body of rows.
    """
    present, successor = CloudService(server, uploads), SuccessorService(server, later)
    return [*present.endpoints(rows_bytes), *successor.endpoints(rows_bytes)]


def cloud_service(
    server: CloudServer, tokens: TokenFile, spool: Path, limits: Limits | None = None, log: Log | None = None
) -> Service:
    """Build the cloud's service.

    Args:
        server: holds the store.
        tokens: whom it lets in.
        spool: folder for uploads on their way.
        limits: how much of everything.
        log: takes a line a request.
    """
    limits, metrics, uploads, later = limits or Limits(), Metrics("cloud"), Uploads(spool), Uploads(spool / "next")
    for one in (later, uploads):
        one.sweep()
    metrics.gauge("pictures", "Pictures held.", lambda: len(server))
    metrics.gauge("uploads_open", "Uploads not committed yet.", lambda: uploads.count() + later.count())
    endpoints = cloud_endpoints(server, uploads, later, limits.rows_bytes)
    return Service("cloud", SEES, endpoints, tokens, limits, log or Log("cloud"), metrics)
