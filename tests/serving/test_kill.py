"""The cloud's process is killed while an owner uploads, then all parties: nothing is lost, nothing is half there."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.encryption import AesGcmCipher, generate_key
from engine.retrieval import CloudServer, DataOwner
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.running import bound
from engine.serving.tokens import TokenFile, token_for
from engine.serving.transport import Patience, Transport
from tests.retrieval.conftest import DescribingHasher, make_pictures
from tests.serving.killing import BATCH, Siege

SIEGE_KILLS = 8
ROOT = Path(__file__).parents[2]
KILLS, PICTURES = 2, 60


class Server:
    """A cloud's process on one port, which can be killed and started again."""

    def __init__(self, folder, port, tokens):
        words = ["serve", "cloud", "--store", folder / "vault.db", "--tokens", tokens.path, "--rate", 100000]
        self._command = [sys.executable, "-m", "engine", *map(str, words), "--port", str(port)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert json.loads(self.process.stderr.readline())["event"] == "listening"
        # A full pipe would stop the server.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    with bound("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    tokens = TokenFile(tmp_path / "tokens")
    secret = tokens.add("owner", "clinic")
    server = Server(tmp_path, port, tokens)
    server.transport = Transport(
        f"http://127.0.0.1:{port}", token_for(secret, "cloud"), patience=Patience(times=8, connect=2.0)
    )
    yield server
    server.kill()


def test_an_upload_outlives_its_server(server, tmp_path):
    chance, pictures = random.Random(7), make_pictures(PICTURES)
    owner = DataOwner(generate_key(), RemoteCloud(server.transport, "ab" * 16), DescribingHasher(), AesGcmCipher)
    steps = owner.upload(pictures, batch_size=1)
    when = sorted(chance.sample(range(2, PICTURES - 2), KILLS))
    for number, _ in enumerate(steps):
        if number in when:
            assert not (tmp_path / "vault.db").exists()
            killer = threading.Timer(chance.random() / 100, lambda: (server.kill(), time.sleep(0.2), server.start()))
            killer.start()
    store = CloudServer(tmp_path / "vault.db")
    assert len(store) == PICTURES
    assert sorted(record.name for record in owner.records().values()) == sorted(one.name for one in pictures)
    assert owner.vouch().count == PICTURES
    assert not list(tmp_path.glob(".*.partial*"))


@pytest.mark.timeout(900)
def test_cloud_agent_owner_and_database_are_killed_and_nothing_is_lost(tmp_path):
    with ExitStack() as stack:
        siege = Siege(stack, tmp_path)
        for _ in range(SIEGE_KILLS):
            siege.strike()
        outcome = siege.end()
    assert outcome["rows"] == BATCH * outcome["uploads"] >= BATCH * SIEGE_KILLS
    assert (outcome["lost"], outcome["partial"], outcome["strays"]) == (0, 0, 0)
    assert siege.victims.total() == SIEGE_KILLS
