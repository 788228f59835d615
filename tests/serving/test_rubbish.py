"""A server that lies, breaks off, or is none: each is one sentence, exit status 2, and nothing half-written."""

import http.server
import json
import socketserver
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cli import main
from engine.errors import VaultError
from engine.imaging import encode_png
from engine.retrieval.stores import Gallery
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.remote_owner import RemoteOwner
from engine.serving.transport import AnswerError, LostError, Patience, RejectedError, Transport

ONCE = Patience(times=0, connect=1.0, read=2.0)
ID = "0f" * 16


class Liar(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Answers every request with what it was told to."""

    daemon_threads = True
    status, body, cut, headers = 200, b"{}", 0, ()


class _Answer(http.server.BaseHTTPRequestHandler):
    def _answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body) + self.server.cut))
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)
        self.close_connection = True

    def log_message(self, *_):
        pass


for method in ("GET", "POST", "PUT", "DELETE"):
    setattr(_Answer, f"do_{method}", _Answer._answer)


@pytest.fixture
def liar():
    with Liar(("127.0.0.1", 0), _Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def parties(server):
    url = f"http://127.0.0.1:{server.server_address[1]}"
    cloud = RemoteCloud(Transport(url, "t" * 43, patience=ONCE))
    cloud.remember(np.zeros(6, np.uint8), 1, None, [])
    cloud._questions.append(({"code": "00" * 6, "k": 1}, frozenset([ID])))
    return cloud, RemoteOwner(Transport(url, "t" * 43, patience=ONCE), cloud)


def asks(server):
    cloud, owner = parties(server)
    yield lambda: cloud.gallery
    yield lambda: cloud.state
    yield lambda: cloud.nearest(np.zeros(6, np.uint8), 3)
    yield lambda: cloud.pictures([ID])
    yield lambda: cloud.records([ID])
    yield lambda: cloud.index_rows()
    yield lambda: cloud.known([b"d" * 16])
    yield lambda: cloud.receiving(Gallery(b"g" * 16, 48, b"c" * 32)).__enter__()
    yield lambda: RemoteCloud(cloud._transport, "ab")
    yield lambda: owner.issue_code_mask()
    yield lambda: owner.vouch()
    yield lambda: owner.descriptors([ID])
    yield lambda: owner.release([ID])


WORDS = (
    *("gallery", "count", "epoch", "uploads", "upload", "held", "known", "lost", "code", "sketch", "permutation"),
    *("flips", "state", "digest", "key", "descriptors", "releases", "id", "name", "label", "distance", "bits"),
    *("key_check", "error"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just(ID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=20,
)


@given(
    body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=80),
    status=st.sampled_from([200, 200, 200, 404, 301, 500]),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_every_client_stands_anything(liar, body, status):
    liar.body, liar.status = body, status
    for ask in asks(liar):
        if sentence := refusal(ask):
            assert sentence.endswith(".")
            assert "\n" not in sentence


def refusal(ask):
    """What the client says; any other error than the engine's own goes on."""
    try:
        ask()
    except VaultError as error:
        return str(error)
    return ""


def test_an_answer_that_breaks_off_is_no_answer(liar):
    liar.body, liar.cut = b'{"gallery": null, "count": 0, "epoch": 0}', 10
    with pytest.raises(LostError, match="broke before"):
        _ = parties(liar)[0].gallery


def test_a_redirect_is_not_followed_for_it_would_carry_the_token_away(liar):
    liar.status, liar.headers = 307, [("Location", "http://127.0.0.1:1/")]
    with pytest.raises(AnswerError, match="status 307"):
        _ = parties(liar)[0].gallery


def test_a_strangers_sentence_is_cut_and_cleaned(liar):
    liar.status, liar.body = 400, json.dumps({"error": "\x1b[31m" + "long " * 500 + "\n"}).encode()
    with pytest.raises(RejectedError) as caught:
        _ = parties(liar)[0].gallery
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_more_than_was_asked_for_is_not_read(liar):
    liar.body = (2**31).to_bytes(4) + b"x"
    with pytest.raises(VaultError, match="cut short"):
        parties(liar)[0].pictures([ID])


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://127.0.0.1:1", "nothing answers there"),
        ("https://127.0.0.1:{port}", "no TLS there"),
        ("http://127.0.0.1:{port}", "something else than"),
        ("http://example.org", "in the clear"),
        ("http://u:p@127.0.0.1", "no name and password"),
        ("ftp://127.0.0.1", "no address of a server"),
        ("http://[::1", "no address of a server"),
    ],
)
def test_the_command_line_says_what_is_wrong(liar, tmp_path, capsys, url, word):
    picture, token, found = tmp_path / "q.png", tmp_path / "token", tmp_path / "found"
    picture.write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)))
    token.touch(0o600)
    token.write_text("cxr_" + "A" * 43)
    address = url.format(port=liar.server_address[1])
    words = ["search", picture, "--cloud", address, "--owner", address, "--token-file", token, "--save", found]
    assert main([str(one) for one in words]) == 2
    captured = capsys.readouterr()
    assert word in captured.err
    assert captured.err.count("\n") == 1
    assert (captured.out, found.exists()) == ("", False)


def test_a_private_network_may_do_without_tls(monkeypatch):
    monkeypatch.setenv("CXR_VAULT_PLAIN_HTTP", "on")
    assert Transport("http://cloud:8600/", None).url == "http://cloud:8600"


def test_an_upload_to_no_server_makes_no_key(tmp_path: Path, capsys) -> None:
    folder, token = tmp_path / "pictures", tmp_path / "token"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)))
    words = ["index", str(folder), "--store", "http://127.0.0.1:1", "--key-file", str(tmp_path / "k")]
    assert main(words) == 2
    assert "--token-file" in capsys.readouterr().err
    token.touch(0o600)
    token.write_text("cxr_" + "A" * 43)
    assert main([*words, "--token-file", str(token)]) == 2
    assert "nothing answers" in capsys.readouterr().err
    assert not (tmp_path / "k").exists()
