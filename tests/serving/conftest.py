"""Real servers on 127.0.0.1, each in a thread of its own, over a gallery of twelve pictures."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import urllib3

from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner
from engine.serving.agent import Quota, owner_service
from engine.serving.audit import AuditLog
from engine.serving.cloud import cloud_service
from engine.serving.limits import Limits
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.remote_owner import RemoteOwner
from engine.serving.running import Tls, bound, prepared
from engine.serving.service import Service
from engine.serving.tokens import TokenFile, token_for
from engine.serving.transport import Patience, Transport
from engine.serving.watch import Log
from tests.retrieval.conftest import DescribingHasher, make_pictures

QUICK = Patience(times=1, connect=2.0, read=20.0)
FREE = Limits(rate=1e6, burst=10**6)


@contextmanager
def serving(service: Service, tls: Tls | None = None):
    """Run a service in a thread; gives its address."""
    server = prepared(service, tls)
    with bound("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)


@dataclass
class Party:
    """A running service and what belongs to it."""

    url: str
    tokens: TokenFile
    secrets: dict[str, str]
    log: StringIO
    folder: Path
    extra: Any = field(default=None)

    def ask(self, method: str, path: str, token: str | None, body: Any = None, **headers: str) -> Any:
        """Send one request as it is, without the client under test."""
        sent = dict(headers)
        if token is not None:
            sent["Authorization"] = f"Bearer {self.secrets.get(token, token)}"
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        return urllib3.request(method, self.url + path, body=data, headers=sent, retries=False, timeout=20)

    def transport(self, token: str, patience: Patience = QUICK) -> Transport:
        return Transport(self.url, token_for(self.secrets[token], self.extra), patience=patience)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def make_tokens(path: Path) -> tuple[TokenFile, dict[str, str]]:
    tokens = TokenFile(path)
    secrets = {role: tokens.add(role, f"the-{role}") for role in ("owner", "user", "monitor")}
    secrets["expired"] = tokens.add("user", "late", days=1e-9)
    return tokens, secrets


@pytest.fixture
def key():
    return generate_key()


@pytest.fixture
def hasher():
    return DescribingHasher()


@pytest.fixture
def pictures():
    return make_pictures(12)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "cloud" / "vault.db"


@pytest.fixture
def limits():
    return FREE


@pytest.fixture
def cloud(store, tmp_path, limits):
    """The cloud's server over a store that may be empty."""
    folder = tmp_path / "cloud"
    folder.mkdir(exist_ok=True)
    tokens, secrets = make_tokens(folder / "tokens.json")
    log = StringIO()
    service = cloud_service(CloudServer(store), tokens, folder / "uploads", limits, Log("cloud", log))
    with serving(service) as url:
        yield Party(url, tokens, secrets, log, folder, "cloud")


@pytest.fixture
def filled(cloud, key, hasher, pictures):
    """The same with the gallery uploaded through the API."""
    owner = DataOwner(key, RemoteCloud(cloud.transport("owner")), hasher, cipher=AesGcmCipher)
    list(owner.upload(pictures))
    return cloud


@pytest.fixture
def quota():
    return Quota()


@pytest.fixture
def agent(filled, store, key, hasher, tmp_path, limits, quota):
    """The owner's agent over the filled store."""
    folder = tmp_path / "owner"
    folder.mkdir()
    tokens, secrets = make_tokens(folder / "tokens.json")
    server, log, audit = CloudServer(store), StringIO(), AuditLog(folder / "audit.log")
    owner = DataOwner(key, server, hasher, cipher=AesGcmCipher)
    service = owner_service(owner, server, tokens, audit, quota, limits, Log("owner", log))
    with serving(service) as url:
        yield Party(url, tokens, secrets, log, folder, "owner")
    audit.close()


@pytest.fixture
def remote(filled, agent, hasher):
    """The user's side: the owner and the cloud, both far away."""
    cloud = RemoteCloud(filled.transport("user"))
    return RemoteOwner(agent.transport("user"), cloud, hasher), cloud
