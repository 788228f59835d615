"""Three programs on one machine, under three Linux users where the tests may do that: cloud, owner and user.

Everything that lay on the cloud's side or passed it is searched for secrets.
"""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from engine.datasets import load_dataset
from engine.encryption import image_key
from engine.imaging import encode_png, load_file
from tests.serving.recording import Recorder

ROOT = Path(__file__).parents[2]
PICTURES = 24
PEOPLE = {"cloud": 10001, "owner": 10002, "user": 10003}
PACKAGES = sysconfig.get_path("purelib")


def interpreter() -> str | None:
    """A Python that other users of this machine may run with our packages; None if there is none or we may not try."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}") if os.geteuid() == 0 else ():
        words = [python, "-c", "import numpy, starlette, faiss, torch"]
        with suppress(OSError):
            if subprocess.run(words, **identity("user"), capture_output=True, check=False).returncode == 0:
                return python
    return None


def identity(who: str) -> dict:
    """What makes a process one of another user."""
    settings = {"PYTHONPATH": PACKAGES, "HOME": "/nonexistent", "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    number = PEOPLE[who]
    return {"user": number, "group": number, "extra_groups": [], "env": settings, "cwd": ROOT}


OTHERS = interpreter()


def command(who: str, words: tuple[object, ...]) -> tuple[list[str], dict]:
    """How a party runs a command, as a user of its own if that can be."""
    if OTHERS and who != "me":
        return [OTHERS, "-m", "engine", *map(str, words)], identity(who)
    return [sys.executable, "-m", "engine", *map(str, words)], {"cwd": ROOT}


def run(*words: object, status: int = 0, who: str = "me") -> subprocess.CompletedProcess:
    line, settings = command(who, words)
    done = subprocess.run(line, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def program(who: str, *words: object):
    """Run a server as a process; gives its address, and stops it as a service manager does."""
    line, settings = command(who, words)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **settings)
    try:
        line = json.loads(process.stderr.readline())
        assert line["event"] == "listening"
        yield line["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]
    assert process.returncode == 0, rest
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


def token(who: str, file: Path, role: str, name: str) -> str:
    return run("token", "add", "--tokens", file, "--role", role, "--name", name, who=who).stdout


def keep(path: Path, who: str, text: str) -> Path:
    """Put a secret into a party's folder."""
    path.write_text(text)
    path.chmod(0o600)
    if OTHERS:
        os.chown(path, PEOPLE[who], PEOPLE[who])
    return path


@pytest.fixture(scope="module")
def place():
    """A folder that every user may pass through."""
    with tempfile.TemporaryDirectory(prefix="cxr-vault-parties-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    """X-rays of a made-up ward."""
    root, gallery = place / "pictures", load_dataset("simulated")
    for i in range(0, len(gallery), len(gallery) // PICTURES):
        record = gallery.records[i]
        target = root / f"ward-{record.label}" / f"patient-{record.id}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(record.path.read_bytes())
    return root


@pytest.fixture(scope="module")
def searched(folder: Path, place: Path):
    """An owner uploads, a user searches; everything that passed the cloud is kept."""
    cloud, owner, user = (place / name for name in PEOPLE)
    for party in (cloud, owner, user):
        party.mkdir(mode=0o700)
        if OTHERS:
            os.chown(party, PEOPLE[party.name], PEOPLE[party.name])
    key = owner / "vault.key"
    run("key", "new", "--key-file", key, who="owner")
    upload = keep(owner / "cloud.token", "owner", token("cloud", cloud / "tokens", "owner", "clinic"))
    mine = token("cloud", cloud / "tokens", "user", "reader"), token("owner", owner / "tokens", "user", "reader")
    both = keep(user / "token", "user", f"cloud {mine[0]}owner {mine[1]}")
    serve = ("serve", "cloud", "--store", cloud / "vault.db", "--tokens", cloud / "tokens", "--port", 0)
    with program("cloud", *serve) as url, Recorder(url) as wire:
        filling = ("index", folder, "--store", wire.url, "--token-file", upload, "--key-file", key)
        indexed = run(*filling, who="owner")
        agent = ("serve", "owner", "--key-file", key, "--store", wire.url, "--token-file", upload)
        rest = ("--tokens", owner / "tokens", "--log", owner / "audit.log", "--port", 0)
        with program("owner", *agent, *rest) as owner_url:
            query = sorted(folder.rglob("*.jpg"))[0]
            where = ("--cloud", wire.url, "--owner", owner_url, "--token-file", both)
            found = run("search", query, *where, "--k", 10, "--json", "--save", user / "found", who="user")
            again = run("search", query, *where, "--k", 3, "--json", "--verify", who="user")
        packets = wire.seen()
    files = {path: path.read_bytes() for path in cloud.rglob("*") if path.is_file()}
    return place, indexed, json.loads(found.stdout), json.loads(again.stdout), packets, files, query


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
            for n in range(middle, middle + 2000, 80)
            if pixels[n : n + 16] in raw and len(set(pixels[n : n + 16])) > 4
        ]
        assert path.read_bytes()[200:232] not in raw


def test_the_search_of_secrets_would_find_them(searched) -> None:
    _, _, rows, _, packets, files, _ = searched
    assert all(row["id"].encode() in b"".join(packets) for row in rows)
    assert all(bytes.fromhex(row["id"]) in b"".join(files.values()) for row in rows)


def both(secret: bytes) -> tuple[bytes, bytes]:
    return secret, secret.hex().encode()


@pytest.mark.skipif(not OTHERS, reason="SKIPPED: the tests may not run programs as other users here")
def test_they_are_three_users_who_cannot_read_each_other(searched) -> None:
    root = searched[0]
    for who, number in PEOPLE.items():
        assert {path.stat().st_uid for path in (root / who).rglob("*")} == {number}
        others = [root / other for other in PEOPLE if other != who]
        listing = subprocess.run(
            ["ls", *map(str, others)], **identity(who), capture_output=True, text=True, check=False
        )
        assert listing.stdout == ""
        assert listing.stderr.count("Permission denied") == 2


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


def test_bad_beginnings_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refusal(*words: object) -> str:
        assert main([*map(str, words)]) == 2
        return capsys.readouterr().err

    tokens, key, picture = tmp_path / "tokens", tmp_path / "vault.key", tmp_path / "x.png"
    cloud = ("serve", "cloud", "--store", tmp_path / "vault.db", "--tokens", tokens)
    assert "no token in" in refusal(*cloud)
    assert main(["token", "add", "--tokens", str(tokens), "--role", "owner", "--name", "clinic"]) == 0
    assert "shown this once" in capsys.readouterr().err
    assert "cannot be served" in refusal(*cloud, "--host", "192.0.2.1", "--port", 0)
    assert "no certificate" in refusal(*cloud, "--tls-certificate", tokens, "--tls-key", tokens)
    assert "name both" in refusal(*cloud, "--tls-key", tokens)
    assert "No store engine" in refusal(*cloud[:3], "gopher://x", *cloud[4:])
    owner = ("serve", "owner", "--key-file", key, "--tokens", tokens, "--log", tmp_path / "log")
    assert "no key file" in refusal(*owner, "--store", tmp_path / "vault.db")
    assert "--name" in refusal("token", "add", "--tokens", tokens)
    assert "no such token" in refusal("token", "remove", "--tokens", tokens, "--name", "nobody")
    assert "There is no log" in refusal("log", "verify", "--log", tmp_path / "log")
    picture.write_bytes(encode_png(np.zeros((40, 40), np.uint8)))
    assert "--token-file" in refusal("search", picture, "--cloud", "http://127.0.0.1:1")
    for path in (tmp_path / "vault.db", tmp_path / "log", key):
        assert not path.exists()
