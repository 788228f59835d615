"""Three programs on one machine, under three Linux users where the tests may do that: cloud, owner and user.

Two hundred X-rays go to a cloud that keeps rows in PostgreSQL and pictures in a bucket. Everything that lies on the
cloud's side or passed one of its three sockets is searched for secrets.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from engine.cli import main
from engine.datasets import load_dataset
from engine.encryption import image_key
from engine.imaging import encode_png, load_file
from tests.services import postgresql, s3
from tests.serving.parties import OTHERS, PEOPLE, ROOT, identity, keep, program, rooms, run, token
from tests.serving.recording import Recorder
from tests.serving.secrets_sought import forms, found, windows

PICTURES, BUCKET = 200, "xrays"


@dataclass(frozen=True)
class Outcome:
    """What three programs did, and what is left on the cloud's side."""

    place: Path
    indexed: str
    rows: list[dict]
    cloud: dict[str, list[bytes]]

    @property
    def secret_keys(self) -> list[bytes]:
        """The master key, and all keys that were released."""
        master = (self.place / "owner" / "vault.key").read_bytes()
        return [master, *(image_key(master, bytes.fromhex(row["id"])) for row in self.rows)]


@pytest.fixture(scope="module")
def place():
    """A folder that every user may pass through."""
    with tempfile.TemporaryDirectory(prefix="cxr-vault-parties-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    """Real X-rays in the wards of a made-up hospital."""
    root, gallery = place / "pictures", load_dataset("gallery")
    for number in np.linspace(0, len(gallery) - 1, PICTURES, dtype=int):
        record = gallery.records[number]
        target = root / f"ward-{record.label}" / f"patient-{record.id}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(record.path.read_bytes())
    return root


@pytest.fixture(scope="module")
def database():
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="module")
def bucket():
    with s3(BUCKET) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def outcome(folder: Path, place: Path, database: str, bucket: str) -> Outcome:
    """An owner uploads, a user searches; everything that passed the cloud is kept."""
    cloud, owner, user = rooms(place)
    key = owner / "vault.key"
    run("key", "new", "--key-file", key, who="owner")
    upload = keep(owner / "cloud.token", "owner", token("cloud", cloud / "tokens", "owner", "clinic"))
    mine = token("cloud", cloud / "tokens", "user", "reader"), token("owner", owner / "tokens", "user", "reader")
    both = keep(user / "token", "user", f"cloud {mine[0]}owner {mine[1]}")
    with Recorder(database) as rows_wire, Recorder(bucket) as objects_wire:
        store = f"{database.replace(str(urlsplit(database).port), str(rows_wire.port))}"
        store += f"?blobs=s3://{BUCKET}/p&endpoint={objects_wire.url}"
        serve = ("serve", "cloud", "--store", store, "--tokens", cloud / "tokens", "--spool", cloud / "spool")
        with program("cloud", *serve, "--port", 0, "--rate", 1000) as url, Recorder(url) as wire:
            indexed = run(
                *("index", folder, "--store", wire.url, "--token-file", upload, "--key-file", key), who="owner"
            )
            agent = ("serve", "owner", "--key-file", key, "--store", wire.url, "--token-file", upload)
            rest = ("--tokens", owner / "tokens", "--log", owner / "audit.log", "--port", 0)
            with program("owner", *agent, *rest) as owner_url:
                where = ("--cloud", wire.url, "--owner", owner_url, "--token-file", both, "--verify", "--json")
                query = sorted(folder.rglob("*.jpg"))[0]
                searched = run("search", query, *where, "--k", 10, "--save", user / "found", who="user")
            wires = {"http": wire.seen(), "sql": rows_wire.seen(), "s3": objects_wire.seen()}
    files = [path.read_bytes() for path in cloud.rglob("*") if path.is_file()]
    kept = {"files": files, "objects": objects_of(bucket)} | database_of(database)
    return Outcome(place, indexed.stdout, json.loads(searched.stdout), wires | kept)


def database_of(address: str) -> dict[str, list[bytes]]:
    """Every row as the database gives it, and every file of its folder: tables, indexes, write-ahead log, messages."""
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        (data,) = connection.execute("SHOW data_directory").fetchone()
        rows = []
        for table in ("gallery", "item"):
            with connection.cursor().copy(f"COPY cxr_vault.{table} TO STDOUT (FORMAT BINARY)") as copy:
                rows.append(b"".join(bytes(part) for part in copy))
    paths = [path for path in Path(data).parent.rglob("*") if path.is_file()]
    return {"rows": rows, "database": [path.read_bytes() for path in paths]}


def objects_of(endpoint: str) -> list[bytes]:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    names = [one["Key"] for page in pages for one in page["Contents"]]
    return [client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names]


def test_ten_of_two_hundred_are_found_and_opened(outcome: Outcome, folder: Path) -> None:
    assert outcome.indexed.startswith(f"{PICTURES} added")
    assert [row["rank"] for row in outcome.rows] == list(range(1, 11))
    assert outcome.rows[0]["distance"] == 0
    names = {row["id"]: row["name"] for row in outcome.rows}
    opened = list((outcome.place / "user" / "found").iterdir())
    assert len(opened) == 10
    for path in opened:
        assert np.array_equal(load_file(path), load_file(folder / names[path.stem.split("-")[1]]))


def test_the_log_says_who_was_given_what(outcome: Outcome) -> None:
    log = outcome.place / "owner" / "audit.log"
    head = re.search(r"head ([0-9a-f]{64})", run("log", "verify", "--log", log).stdout)[1]
    run("log", "verify", "--log", log, "--head", head)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    keys = [line for line in lines if line["what"] == "keys"]
    assert {line["user"] for line in lines} == {"reader"}
    assert sorted(keys[0]["ids"]) == sorted(row["id"] for row in outcome.rows)


def test_the_users_folder_holds_no_master_key(outcome: Outcome) -> None:
    files = [path.read_bytes() for path in (outcome.place / "user").rglob("*") if path.is_file()]
    assert files
    assert not found(forms(outcome.secret_keys[0]), files)


def test_nothing_on_the_clouds_side_tells_a_secret(outcome: Outcome, folder: Path) -> None:
    """Every file of its folder, every row, file and message of its database, every object, and every packet."""
    pictures = list(folder.rglob("*.jpg"))
    sought = {
        "keys": [form for key in outcome.secret_keys for form in forms(key)],
        "names": [word.encode() for path in pictures for word in (path.name, path.stem)],
        "labels": [b"ward-", b"patient-", *(path.name.encode() for path in folder.iterdir())],
        "tokens": [(outcome.place / "user" / "token").read_text().split()[n].encode() for n in (1, 3)],
        "pixels": [piece for path in pictures for piece in windows(load_file(path).tobytes(), 24)],
        "files": [piece for path in pictures for piece in windows(path.read_bytes()[1024:], 24)],
    }
    assert min(len(sought["pixels"]), len(sought["files"])) > 10 * PICTURES
    there = found([needle for some in sought.values() for needle in some], [*sum(outcome.cloud.values(), [])])
    assert {kind: there.intersection(some) for kind, some in sought.items()} == {kind: set() for kind in sought}


def test_the_search_of_secrets_would_find_them(outcome: Outcome, folder: Path) -> None:
    """What the cloud may know is found in each place where it lies, and so is a secret that is put there."""
    rows, sealed = [bytes.fromhex(row["id"]) for row in outcome.rows], outcome.cloud["objects"]
    for where in ("rows", "database", "sql", "http"):
        assert found(rows, outcome.cloud[where]) == set(rows), where
    pieces = {piece for one in sealed for piece in windows(one, 3)}
    assert len(sealed) == PICTURES
    for where in ("objects", "http", "s3"):
        assert found(pieces, outcome.cloud[where]) == pieces, where
    key, picture = outcome.secret_keys[0], next(folder.rglob("*.jpg"))
    for secret in [*forms(key), *windows(load_file(picture).tobytes(), 9)]:
        assert found([secret], [*outcome.cloud["files"], b"leaked: " + secret + b"."]) == {secret}


@pytest.mark.skipif(not OTHERS, reason="SKIPPED: the tests may not run programs as other users here")
def test_they_are_three_users_who_cannot_read_each_other(outcome: Outcome) -> None:
    root = outcome.place
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
    picture.write_bytes(encode_png(np.eye(40, dtype=np.uint8)))
    assert "--token-file" in refusal("search", picture, "--cloud", "http://127.0.0.1:1")
    for path in (tmp_path / "vault.db", tmp_path / "log", key):
        assert not path.exists()
