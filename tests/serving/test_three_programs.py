"""Three programs on one machine: cloud, owner and user, each a process; the cloud's side is searched for secrets."""

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import load_dataset
from engine.encryption import image_key
from engine.imaging import encode_png, load_file
from tests.serving.recording import Recorder

ROOT = Path(__file__).parents[2]
ENGINE = [sys.executable, "-m", "engine"]
QUERY, PICTURES = 0, 24


def run(*words: object, status: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([*ENGINE, *map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def program(*words: object):
    """Run a server as a process; gives its address, and stops it as a service manager does."""
    process = subprocess.Popen([*ENGINE, *map(str, words)], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        line = json.loads(process.stderr.readline())
        assert line["event"] == "listening"
        yield line["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]
    assert process.returncode == 0, rest
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


def token(file: Path, role: str, name: str, target: Path) -> Path:
    target.write_text(run("token", "add", "--tokens", file, "--role", role, "--name", name).stdout)
    target.chmod(0o600)
    return target


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """X-rays of a made-up ward."""
    root, gallery = tmp_path_factory.mktemp("pictures"), load_dataset("simulated")
    for i in range(0, len(gallery), len(gallery) // PICTURES):
        record = gallery.records[i]
        target = root / f"ward-{record.label}" / f"patient-{record.id}.jpg"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(record.path.read_bytes())
    return root


@pytest.fixture(scope="module")
def searched(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """An owner uploads, a user searches; everything that passed the cloud is kept."""
    root = tmp_path_factory.mktemp("three")
    cloud, owner, user = (root / name for name in ("cloud", "owner", "user"))
    for place in (cloud, owner, user):
        place.mkdir()
    key = owner / "vault.key"
    run("key", "new", "--key-file", key)
    upload = token(cloud / "tokens", "owner", "clinic", owner / "cloud.token")
    mine = token(cloud / "tokens", "user", "reader", user / "cloud.token").read_text()
    theirs = token(owner / "tokens", "user", "reader", user / "owner.token").read_text()
    both = user / "token"
    both.write_text(f"cloud {mine}owner {theirs}")
    both.chmod(0o600)
    serve = ("serve", "cloud", "--store", cloud / "vault.db", "--tokens", cloud / "tokens", "--port", 0)
    with program(*serve) as url, Recorder(url) as wire:
        indexed = run("index", folder, "--store", wire.url, "--token-file", upload, "--key-file", key)
        agent = ("serve", "owner", "--key-file", key, "--store", wire.url, "--token-file", upload)
        rest = ("--tokens", owner / "tokens", "--log", owner / "audit.log", "--port", 0)
        with program(*agent, *rest) as owner_url:
            query = sorted(folder.rglob("*.jpg"))[QUERY]
            where = ("--cloud", wire.url, "--owner", owner_url, "--token-file", both)
            found = run("search", query, *where, "--k", 10, "--json", "--save", user / "found")
            again = run("search", query, *where, "--k", 3, "--json")
        packets = wire.seen()
    files = {path: path.read_bytes() for path in cloud.rglob("*") if path.is_file()}
    return root, indexed, json.loads(found.stdout), json.loads(again.stdout), packets, files, query


def test_ten_are_found_and_opened(searched, folder: Path) -> None:
    root, indexed, rows, again, _, _, query = searched
    assert indexed.stdout.startswith(f"{len(list(folder.rglob('*.jpg')))} added")
    assert [row["rank"] for row in rows] == list(range(1, 11))
    assert rows[:3] == again
    assert rows[0]["distance"] == 0
    names = {row["id"]: row["name"] for row in rows}
    opened = list((root / "user" / "found").iterdir())
    assert len(opened) == 10
    for path in opened:
        assert np.array_equal(load_file(path), load_file(folder / names[path.stem.split("-")[1]]))


def test_the_log_says_who_was_given_what(searched) -> None:
    root, _, rows, *_ = searched
    done = run("log", "verify", "--log", root / "owner" / "audit.log")
    head = re.search(r"head ([0-9a-f]{64})", done.stdout)[1]
    run("log", "verify", "--log", root / "owner" / "audit.log", "--head", head)
    lines = [json.loads(line) for line in (root / "owner" / "audit.log").read_text().splitlines()]
    keys = [line for line in lines if line["what"] == "keys"]
    assert {line["user"] for line in lines} == {"reader"}
    assert sorted(keys[0]["ids"]) == sorted(row["id"] for row in rows)


def test_the_users_folder_holds_no_master_key(searched) -> None:
    root = searched[0]
    key = (root / "owner" / "vault.key").read_bytes()
    assert not [path for path in (root / "user").rglob("*") if path.is_file() and key in path.read_bytes()]


def test_nothing_on_the_clouds_side_tells_a_secret(searched, folder: Path) -> None:
    """Every file of the cloud's folder and every byte that went to or came from it."""
    root, _, rows, _, packets, files, _ = searched
    key = (root / "owner" / "vault.key").read_bytes()
    raw = b"\0".join([*packets, *files.values()])
    assert len(raw) > sum(path.stat().st_size for path in folder.rglob("*.jpg"))
    secrets = {"key": [key, key.hex().encode()]}
    secrets["released keys"] = [part for row in rows for part in both(image_key(key, bytes.fromhex(row["id"])))]
    secrets["names"] = [word.encode() for path in folder.rglob("*.jpg") for word in (path.name, path.stem)]
    secrets["labels"] = [b"ward-", b"patient-", *(path.name.encode() for path in folder.iterdir())]
    secrets["people"] = [(root / "user" / "token").read_text().split()[n].encode() for n in (1, 3)]
    for kind, values in secrets.items():
        assert not [value for value in values if value in raw], kind
    for path in folder.rglob("*.jpg"):
        pixels = load_file(path).tobytes()
        middle = len(pixels) // 2
        assert not [
            n
            for n in range(middle, middle + 2000, 16)
            if pixels[n : n + 16] in raw and len(set(pixels[n : n + 16])) > 4
        ]
        assert path.read_bytes()[200:232] not in raw


def test_the_search_of_secrets_would_find_them(searched) -> None:
    _, _, rows, _, packets, files, _ = searched
    assert all(row["id"].encode() in b"".join(packets) for row in rows)
    assert all(bytes.fromhex(row["id"]) in b"".join(files.values()) for row in rows)


def both(secret: bytes) -> tuple[bytes, bytes]:
    return secret, secret.hex().encode()


def test_the_cloud_imports_no_torch_and_no_cipher(tmp_path: Path) -> None:
    code = (
        "import sys, json; from engine.cli import main; import engine.serving.running as r; r.run = lambda *_: None;"
        "main(['serve', 'cloud', '--store', sys.argv[1], '--tokens', sys.argv[2]]);"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run("token", "add", "--tokens", tmp_path / "tokens", "--role", "user", "--name", "n")
    words = [sys.executable, "-c", code, str(tmp_path / "vault.db"), str(tmp_path / "tokens")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(done.stdout))
    assert "engine.serving.cloud" in loaded
    assert not {name for name in loaded if name.split(".")[0] in ("torch", "Crypto", "numba", "cryptography")}
    assert not {name for name in loaded if name.startswith(("engine.encryption", "engine.retrieval.owner"))}


def test_bad_beginnings_are_one_sentence(tmp_path: Path) -> None:
    tokens, key = tmp_path / "tokens", tmp_path / "vault.key"
    cloud = ("serve", "cloud", "--store", tmp_path / "vault.db", "--tokens", tokens)
    assert "no token in" in run(*cloud, status=2).stderr
    run("token", "add", "--tokens", tokens, "--role", "owner", "--name", "clinic")
    assert "cannot be served" in run(*cloud, "--host", "192.0.2.1", "--port", 0, status=2).stderr
    assert "no certificate" in run(*cloud, "--tls-certificate", tokens, "--tls-key", tokens, status=2).stderr
    assert "name both" in run(*cloud, "--tls-key", tokens, status=2).stderr
    assert "No store engine" in run(*cloud[:3], "gopher://x", *cloud[4:], status=2).stderr
    owner = ("serve", "owner", "--key-file", key, "--tokens", tokens, "--log", tmp_path / "log")
    assert "no key file" in run(*owner, "--store", tmp_path / "vault.db", status=2).stderr
    picture = tmp_path / "x.png"
    picture.write_bytes(encode_png(np.zeros((40, 40), np.uint8)))
    assert "--token-file" in run("search", picture, "--cloud", "http://127.0.0.1:1", status=2).stderr
    for path in (tmp_path / "vault.db", tmp_path / "log", key):
        assert not path.exists()
