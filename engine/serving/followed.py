"""One search over real sockets, followed: the cloud's server on the loopback, and every byte that crossed to it.

The server is the one of ``serve cloud``. It is started for the search under a token made for it and stopped after it,
one at a time in a process; owner and user reach it over wires that write down what passes.
"""

import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.encryption import generate_key
from engine.retrieval.owner import DataOwner
from engine.retrieval.pictures import Picture
from engine.retrieval.server import CloudServer
from engine.retrieval.uploading import CodeMaker
from engine.retrieval.user import DataUser, Result, Stage
from engine.serving.errors import ServingError
from engine.serving.limits import Limits
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.running import bound
from engine.serving.tap import Exchange, Tap, Wire
from engine.serving.tokens import Role, TokenFile, token_for
from engine.serving.transport import Transport

if TYPE_CHECKING:
    from engine.serving.service import Service

PACKAGES = ("starlette", "uvicorn", "jsonschema", "prometheus_client", "urllib3", "h11")
START_SECONDS = 10.0
RUN_BYTES, RUNS = 16, 200
PARTIES: tuple[Role, ...] = ("owner", "user")
Secret = Literal["key", "pixels", "name"]
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Followed:
    """A search that was followed.

    Attributes:
        exchanges: every request and its answer, in order.
        crossed: number of bytes that crossed, heads of HTTP among them.
        told: kinds of secrets that stood among them; none, if all is well.
        results: what the user opened.
    """

    exchanges: tuple[Exchange, ...]
    crossed: int
    told: tuple[Secret, ...]
    results: tuple[Result, ...] = field(repr=False)


def can_follow() -> bool:
    """Whether what a server takes is installed (requirements-server.txt)."""
    return all(map(find_spec, PACKAGES))


def follow(pictures: Sequence[Picture], query: np.ndarray, hasher: CodeMaker, k: int = 3) -> Followed:
    """Seal a small gallery under a fresh key, send it to a server over sockets, and search it over sockets.

    Args:
        pictures: the owner's.
        query: ``(H, W)`` uint8 or uint16, the user's.
        hasher: makes the codes.
        k: how many results the user asks for.

    Raises:
        ServingError: packages are missing, or the server does not start.
        StoreError: no pictures, or ``k`` is below 1.
    """
    if not can_follow():
        raise ServingError("Serving takes more packages: run `pip install -r requirements-server.txt`.")
    key, wire = generate_key(), Wire()
    keys = [key]

    def observe(stage: Stage) -> None:
        if stage.step == "release":
            keys.extend(release.key for release in stage.outcome)

    with _one_at_a_time, TemporaryDirectory(prefix="cxr-vault-wire-") as folder, _cloud(Path(folder), wire) as far:
        owner = DataOwner(key, far["owner"], hasher)
        for _ in owner.upload(pictures):
            pass
        results = DataUser(owner, far["user"]).search(query, k, observe)
    raw = wire.raw()
    told = _told(raw, keys, [query, *(one.load() for one in pictures)], pictures)
    return Followed(tuple(wire.exchanges()), sum(map(len, raw)), told, tuple(results))


def _told(
    raw: Sequence[bytes], keys: Sequence[bytes], images: Sequence[np.ndarray], pictures: Sequence[Picture]
) -> tuple[Secret, ...]:
    """Which kinds of secrets stand in what crossed."""
    words = {word.encode() for picture in pictures for word in (picture.name, picture.label) if word}
    sought: dict[Secret, set[bytes]] = {
        "key": {form for one in keys for form in (one, one.hex().encode(), b64encode(one).rstrip(b"="))},
        "pixels": {run for image in images for run in _runs(image.tobytes())},
        "name": words,
    }
    return tuple(kind for kind, parts in sought.items() if any(part in data for part in parts for data in raw))


def _runs(pixels: bytes) -> Iterator[bytes]:
    """Short runs of pixels from all over a picture, none of them of a plain background."""
    for start in np.linspace(0, max(len(pixels) - RUN_BYTES, 0), RUNS, dtype=int):
        run = pixels[start : start + RUN_BYTES]
        if len(set(run)) > 4:
            yield run


@contextmanager
def _cloud(folder: Path, wire: Wire) -> Iterator[dict[Role, RemoteCloud]]:
    """The cloud's server over an empty store, as the owner and as the user reach it."""
    from engine.serving.cloud import cloud_service
    from engine.serving.watch import Log

    tokens = TokenFile(folder / "tokens")
    secrets = {role: tokens.add(role, role) for role in PARTIES}
    limits = Limits(rate=1e6, burst=10**6)
    service = cloud_service(
        CloudServer(folder / "vault.db"), tokens, folder / "spool", limits, Log("cloud", StringIO())
    )
    with _served(service) as port, ExitStack() as taps:
        yield {
            role: RemoteCloud(
                Transport(taps.enter_context(Tap(role, port, wire)).url, token_for(secrets[role], "cloud"))
            )
            for role in PARTIES
        }


@contextmanager
def _served(service: "Service") -> Iterator[int]:
    """Run a service in a thread and give its port; loggers of the process stay as they are."""
    import uvicorn

    config = uvicorn.Config(
        service.application(), log_config=None, access_log=False, server_header=False, ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    with bound("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            end = time.monotonic() + START_SECONDS
            while not server.started:
                if time.monotonic() > end or not thread.is_alive():
                    raise ServingError("The server on this machine's own address does not start: try again.")
                time.sleep(0.005)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = server.force_exit = True
            thread.join(START_SECONDS)
