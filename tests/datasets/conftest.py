"""A small public host on this machine, and a collection of made-up pictures that it offers."""

import csv
import gzip
import hashlib
import io
import threading
from collections import Counter
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from engine.datasets import manifest
from engine.datasets.fetching import Limits

QUICK = Limits(workers=3, interval=0.0, attempts=3, back_off=0.01)
COLUMNS = (
    *("id", "file", "label", "covid_positive", "split", "group", "source", "repository", "commit", "path"),
    *("sha256", "resized_sha256", "width", "height", "licence"),
)


def made_up_picture(seed, height=700, width=600):
    """A smooth colour picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


@lru_cache
def encoded_picture(seed, suffix, height, width):
    return cv2.imencode(suffix, made_up_picture(seed, height, width))[1].tobytes()


class Host:
    """Files by address, and what to do about each request."""

    def __init__(self):
        self.files = {}
        self.trouble = {}
        self.requests = Counter()
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the base class names it)
                host.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}/raw"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request):
        address = unquote(request.path).removeprefix("/raw/")
        with self.lock:
            self.requests[address] += 1
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        try:
            trouble = self.trouble.get(address)
            answered = trouble is not None and trouble(request, self.files.get(address), self.requests[address])
        finally:
            with self.lock:  # before the answer: whoever has it may ask for the next file at once
                self.busy -= 1
        if not answered:
            self.send(request, 200 if address in self.files else 404, self.files.get(address, b"no"))

    @staticmethod
    def send(request, status, body, length=None, headers=()):
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers:
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def host():
    host = Host()
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.fixture
def collection(host, tmp_path, monkeypatch):
    """Ten pictures under the name covidx-open: a manifest, and the originals on the host."""
    rows = []
    for number in range(10):
        suffix = (".png", ".jpg", ".webp")[number % 3]
        size = (700, 600) if number else (300, 280)
        content = encoded_picture(number, suffix, *size)
        path = f"X-Ray Image DataSet/Covid-19/{number:03}{suffix}"
        host.files[f"someone/pictures/abc123/{path}"] = content
        values = (
            f"cx{number}",
            f"images/cx{number}.jpg",
            ("normal", "covid-19", "pneumonia")[number % 3],
            number % 3 == 1,
            "train",
            f"g{number}",
            "made-up",
            "someone/pictures",
            "abc123",
            path,
            hashlib.sha256(content).hexdigest(),
            "0" * 64,
            size[1],
            size[0],
            "CC0",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    monkeypatch.setattr(manifest, "MANIFESTS", tmp_path / "manifests")
    (tmp_path / "manifests").mkdir()
    write_manifest(tmp_path / "manifests" / "covidx-open.csv.gz", rows)
    return rows


def write_manifest(path, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode()))


def address(row):
    return "/".join(row[part] for part in ("repository", "commit", "path"))
