"""Cloud, agent, uploading owner and database are killed at random moments, and what must hold afterwards is checked.

``test_kill.py`` kills a few, ``benchmarks/vault.py --kills 100`` a hundred. The programs are the real ones but for the
encoder, which takes means of blocks: a program that loads torch spends its life on that.
"""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Thread
from unittest.mock import patch

from engine.encryption import AesGcmCipher, generate_key
from engine.encryption.key_files import read_key_file, write_key_file
from engine.errors import VaultError
from engine.retrieval import CloudServer, DataOwner, DataUser, Receipt, open_store
from engine.retrieval.audit import audit
from engine.retrieval.stores import blobs
from engine.serving.agent import Quota, owner_service
from engine.serving.audit import AuditLog, verified
from engine.serving.limits import Limits
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.remote_owner import RemoteOwner
from engine.serving.running import run
from engine.serving.tokens import TokenFile, token_for
from engine.serving.transport import Patience, Transport
from engine.serving.uploads import Uploads
from tests.retrieval.conftest import DescribingHasher, make_pictures
from tests.services import Postgresql, free_port, s3

ROOT, BATCH, PATIENCE_SECONDS = Path(__file__).parents[2], 6, 90.0
VICTIMS = ("cloud", "agent", "upload", "database")
KEPT = {"key", "tokens", "receipt", "audit.log", "spool"}
FREE = Limits(rate=1e6, burst=10**6)


@dataclass(frozen=True)
class Place:
    """Where everything lies, and the secrets of who asks."""

    folder: str
    store: str
    cloud: int
    agent: int
    owner: str
    user: str

    def path(self, name: str) -> Path:
        return Path(self.folder) / name

    def server(self, secret: str, tag: str | None = None) -> RemoteCloud:
        return RemoteCloud(_line(self.cloud, token_for(secret, "cloud")), tag)

    def data_owner(self, server: CloudServer) -> DataOwner:
        key, receipt = read_key_file(self.path("key")), Receipt(self.path("receipt"), "the cloud")
        return DataOwner(key, server, DescribingHasher(), cipher=AesGcmCipher, receipt=receipt)

    def search(self, picture) -> str:
        """Name of what a user finds and opens first."""
        cloud = self.server(self.user)
        owner = RemoteOwner(_line(self.agent, token_for(self.user, "owner")), cloud, DescribingHasher())
        return DataUser(owner, cloud).search(picture.load(), k=1)[0].name


def _line(port: int, token: str | None) -> Transport:
    return Transport(f"http://127.0.0.1:{port}", token, patience=Patience(times=8, connect=2.0))


def batch(number: int) -> list:
    """Pictures of one upload: all of them are there, or none."""
    return [replace(one, name=f"{number}/{one.name}") for one in make_pictures(BATCH, seed=number)]


def upload(place: Place, first: int) -> None:
    """Upload batch after batch, and say which have been stored."""
    for number in count(first):
        tag = sha256(b"%d" % number).hexdigest()[:32]
        list(place.data_owner(place.server(place.owner, tag)).upload(batch(number), batch_size=2))
        print(number, flush=True)


def serve_agent(place: Place) -> None:
    """Run the owner's agent."""
    server, log = place.server(place.owner), AuditLog(place.path("audit.log"))
    tokens, quota = TokenFile(place.path("tokens")), Quota(10**6, 10**6)
    run(owner_service(place.data_owner(server), server, tokens, log, quota, FREE), "127.0.0.1", place.agent)


class Program:
    """A process that is started again and again, and what it says on standard output."""

    def __init__(self, *words: object) -> None:
        self._words, self.said = [sys.executable, "-m", *map(str, words)], list[str]()

    def start(self, *more: object) -> None:
        self.process = subprocess.Popen(
            [*self._words, *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def died(self) -> bool:
        """Whether it has ended by itself; then it said why, with exit status 2."""
        assert self.process.poll() in (None, 2)
        return self.process.returncode is not None

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.said.append(line)


class Siege:
    """Three programs and a database under fire.

    Attributes:
        seconds: from each kill until a user's search was answered again.
        victims: how often each was killed.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        """Start everything."""
        self._database = stack.enter_context(Postgresql("fsync=on"))
        self._endpoint = stack.enter_context(s3("siege"))
        store = f"{self._database.uri}?blobs=s3://siege/p&endpoint={self._endpoint}"
        write_key_file(folder / "key", generate_key())
        tokens = TokenFile(folder / "tokens")
        secrets = tokens.add("owner", "clinic"), tokens.add("user", "reader")
        self.place = place = Place(str(folder), store, free_port(), free_port(), *secrets)
        own, settings = "tests.serving.killing", json.dumps(asdict(place))
        serve = ("serve", "cloud", "--store", store, "--tokens", tokens.path, "--spool", folder / "spool")
        self._programs = {
            "cloud": Program("engine", *serve, "--port", place.cloud, "--rate", 10**6),
            "agent": Program(own, settings),
            "upload": Program(own, settings),
        }
        self.seconds, self.victims = list[float](), Counter[str]()
        self._chance, self._entries, self._over = random.Random(7), list[str](), set[str]()
        stack.callback(self._stop)
        for name in self._programs:
            self._start(name)
        self._wait_for_batches(0)

    def strike(self) -> int:
        """Kill one at a random moment while rows go up, start it again, check; returns how many batches are there."""
        victim = self._chance.choice(VICTIMS)
        time.sleep(self._chance.uniform(0, 0.4))
        if victim == "database":
            self._database.kill()
            self._database.start()
        else:
            self._programs[victim].kill()
            self._start(victim)
        start, told = time.perf_counter(), len(self._told())
        self.victims[victim] += 1
        self._check()
        self.seconds.append(time.perf_counter() - start)
        self._wait_for_batches(told)
        return len(self._told())

    def end(self) -> dict[str, int]:
        """Stop uploading, and count what is left: rows, uploads, what was lost or is there in part, and strays."""
        self._over.add("upload")
        self._programs["upload"].kill()
        self._check()
        place = self.place
        server, store = place.server(place.owner), open_store(place.store)
        owner = place.data_owner(server)
        findings, rows, there = audit(owner, server).findings, store.state().count, self._batches(owner)
        Uploads(place.path("spool"), lifetime=-1).sweep()
        with patch.object(blobs, "datetime", _Tomorrow):
            store.sweep()
        store.close()
        strays = {path.name for path in Path(place.folder).iterdir()} - KEPT
        strays |= {path.name for path in place.path("spool").iterdir()} - {"next"}
        lost = len({*map(str, self._told())} - there.keys()) + len(findings) + abs(owner.vouch().count - rows)
        partial = sum(size != BATCH for size in there.values())
        strays_in_bucket = len(_objects(self._endpoint)) - rows
        return {
            "rows": rows,
            "uploads": len(there),
            "lost": lost,
            "partial": partial,
            "strays": len(strays) + strays_in_bucket,
        }

    def _check(self) -> None:
        """Every batch that was told is there, none is there in part, and a user finds and opens the latest."""
        told = self._told()
        latest = batch(told[-1])[0]
        assert self._again(lambda: self.place.search(latest)) == latest.name
        there = self._again(lambda: self._batches(self.place.data_owner(self.place.server(self.place.owner))))
        assert set(there.values()) == {BATCH}
        assert {*map(str, told)} <= there.keys()
        entries = [entry.hash for entry in verified(self.place.path("audit.log"))]
        assert entries[: len(self._entries)] == self._entries
        assert len(entries) >= len(self._entries) + 2
        self._entries = entries

    def _batches(self, owner: DataOwner) -> Counter[str]:
        return Counter(record.name.partition("/")[0] for record in owner.records().values())

    def _told(self) -> list[int]:
        return [int(line) for line in self._programs["upload"].said]

    def _start(self, name: str) -> None:
        more = {"cloud": (), "agent": ("agent",), "upload": ("upload", (self._told() or [-1])[-1] + 1)}[name]
        self._programs[name].start(*more)

    def _again(self, ask: Callable):
        """Ask until it works: somebody may still be starting."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._revive()
            try:
                return ask()
            except VaultError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _wait_for_batches(self, more_than: int) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while len(self._told()) <= more_than:
            assert time.monotonic() < end, "nothing is stored any more"
            self._revive()
            time.sleep(0.02)

    def _revive(self) -> None:
        """Start what has given up because another was away, as a service manager does."""
        for name, program in self._programs.items():
            if name not in self._over and program.died():
                self._start(name)

    def _stop(self) -> None:
        for program in self._programs.values():
            program.kill()


class _Tomorrow(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(UTC) + timedelta(days=1, minutes=1)


def _objects(endpoint: str) -> list[str]:
    import boto3

    pages = boto3.client("s3", endpoint_url=endpoint).get_paginator("list_objects_v2").paginate(Bucket="siege")
    return [one["Key"] for page in pages for one in page.get("Contents", ())]


def main() -> None:
    """Be the agent, or the uploading owner."""
    place = Place(**json.loads(sys.argv[1]))
    try:
        upload(place, int(sys.argv[3])) if sys.argv[2] == "upload" else serve_agent(place)
    except VaultError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
