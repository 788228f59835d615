"""What the owner's agent gives, to whom, how much, and what it writes down."""

import dataclasses
import socket
import subprocess
import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from engine.encryption import AesGcmCipher, AuthenticationError
from engine.retrieval import CloudServer, DataOwner, DataUser
from engine.retrieval.audit import adopt
from engine.retrieval.receipts import Receipt
from engine.serving.agent import Quota, mask_facts, mask_of, owner_service
from engine.serving.audit import AuditLog, verified
from engine.serving.cloud import cloud_service
from engine.serving.errors import ServingError
from engine.serving.limits import Limits
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.remote_owner import RemoteOwner
from engine.serving.running import Tls
from engine.serving.tokens import token_for
from engine.serving.transport import LostError, RejectedError, Transport
from tests.serving.conftest import FREE, QUICK, make_tokens, serving


@pytest.fixture
def rows(store, filled):
    return CloudServer(store).records()


def request_for(row, k=3):
    return {"ids": [row.id], "search": {"code": row.code.hex(), "k": k}}


def test_everything_handed_over_is_in_the_log_first(remote, agent, pictures):
    found = DataUser(*remote).search(pictures[0].load(), k=4)
    entries = list(verified(agent.folder / "audit.log"))
    assert [entry.what for entry in entries] == ["mask", "descriptors", "keys"]
    assert set(entries[-1].ids) == {one.id for one in found}
    shown = agent.ask("GET", "/v1/log?user=the-user", "owner").json()
    assert shown["head"] == entries[-1].hash
    assert [row["hash"] for row in shown["entries"]] == [entry.hash for entry in entries]
    assert agent.ask("GET", "/v1/log?start=2", "owner").json()["entries"][0]["number"] == 2
    text = (agent.folder / "audit.log").read_text()
    assert not [word for word in ("patient", "ward-7", *(one.code.tobytes().hex() for one in found)) if word in text]


def test_a_full_log_hands_nothing_over(agent, rows, monkeypatch):
    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AuditLog, "append", full)
    response = agent.ask("POST", "/v1/release", "user", request_for(rows[0]))
    assert response.status == 507
    assert response.json().keys() == {"error"}


class TestQuota:
    @pytest.fixture
    def quota(self):
        return Quota(keys=2, descriptors=3)

    def test_different_pictures_count_and_the_same_again_does_not(self, agent, rows):
        def release(row, token="user"):
            return agent.ask("POST", "/v1/release", token, request_for(row)).status

        assert [release(rows[n]) for n in (0, 1, 0, 2)] == [200, 200, 200, 403]
        assert release(rows[2], "owner") == 200
        assert [entry.what for entry in verified(agent.folder / "audit.log")].count("refused") == 1

    def test_a_batch_beyond_the_quota_gives_none_of_it(self, agent, rows):
        body = request_for(rows[0], k=100) | {"ids": [row.id for row in rows[:3]]}
        refusal = agent.ask("POST", "/v1/release", "user", body)
        assert refusal.status == 403
        assert "quota" in refusal.json()["error"]
        body["ids"] = [row.id for row in rows[:4]]
        assert agent.ask("POST", "/v1/descriptors", "user", body).status == 403


def test_a_user_whose_search_did_not_name_it_is_refused(agent, rows):
    far = max(rows, key=lambda row: sum((a ^ b).bit_count() for a, b in zip(row.code, rows[0].code, strict=True)))
    for path in ("/v1/release", "/v1/descriptors"):
        asked = request_for(rows[0], k=1) | {"ids": [far.id, "0f" * 16]}
        assert agent.ask("POST", path, "user", asked).status == 403


def test_codes_of_another_length_are_the_clouds_matter(agent, rows):
    wrong = request_for(rows[0])
    wrong["search"]["code"] = "00" * 7
    assert agent.ask("POST", "/v1/release", "user", wrong).status == 502


def test_a_note_changed_on_the_server_is_told_as_such(agent, rows, remote, monkeypatch):
    owner, cloud = remote
    cloud.nearest(np.frombuffer(rows[0].code, np.uint8), 1)
    real = CloudServer.records
    monkeypatch.setattr(
        CloudServer,
        "records",
        lambda self, ids=None: [dataclasses.replace(row, record=row.record[::-1]) for row in real(self, ids)],
    )
    with pytest.raises(AuthenticationError, match="was changed"):
        owner.release([rows[0].id])


def test_users_verify_answers_against_the_owners_receipt(filled, store, key, hasher, pictures, tmp_path):
    """Over HTTP on both sides: the agent itself reaches the cloud by its API."""
    receipt = Receipt()
    far = RemoteCloud(filled.transport("owner"))
    owner = DataOwner(key, far, hasher, cipher=AesGcmCipher, receipt=receipt)
    adopt(owner, far)
    tokens, secrets = make_tokens(tmp_path / "tokens.json")
    audit = AuditLog(tmp_path / "audit.log")
    with serving(owner_service(owner, far, tokens, audit, limits=FREE)) as url:
        cloud = RemoteCloud(filled.transport("user"))
        agent = RemoteOwner(Transport(url, token_for(secrets["user"], "owner"), patience=QUICK), cloud, hasher)
        user = DataUser(agent, cloud)
        assert len(user.search(pictures[0].load(), k=5, verify=True)) == 5
        CloudServer(store).remove([CloudServer(store).records()[0].id])
        with pytest.raises(AuthenticationError, match="rows"):
            user.search(pictures[0].load(), k=5)
    audit.close()


def test_private_search_far_away_finds_the_same(remote, filled, agent, pictures):
    pytest.importorskip("tenseal", reason="SKIPPED: TenSEAL is not installed (requirements-private.txt)")
    from engine.private import PrivatelyAsked

    owner, cloud = remote
    plain = DataUser(owner, cloud).search(pictures[0].load(), k=3)
    before = len(filled.lines())
    private = DataUser(owner, PrivatelyAsked(cloud)).search(pictures[0].load(), k=3)
    assert [one.id for one in private] == [one.id for one in plain]
    routes = [line.get("route") for line in filled.lines()[before:]]
    assert "/v1/private/search" in routes
    assert "/v1/search" not in routes
    assert filled.ask("POST", "/v1/private/search", "user", b"rubbish").status == 422


def test_masks_travel_whole(key, agent, remote, store, hasher):
    here = DataOwner(key, CloudServer(store), hasher)
    for far, near in (
        (remote[0].issue_code_mask(), here.issue_code_mask()),
        (remote[0].issue_sketch_mask(), here.issue_sketch_mask()),
    ):
        assert np.array_equal(far.permutation, near.permutation)
        assert np.array_equal(far.flips, near.flips)
    facts = mask_facts(near)
    for change in ({"flips": facts["flips"][1:]}, {"permutation": [0] * near.bits}, {"flips": [2] * near.bits}):
        with pytest.raises(ValueError, match="no mask"):
            mask_of(facts | change)


def test_too_many_at_a_time_are_told_to_come_again(filled, store):
    """One request hangs in the body; the next is turned away and finds its place when the first is gone."""
    service = cloud_service(
        CloudServer(store), filled.tokens, filled.folder / "other", Limits(in_flight=1, rate=1e6, burst=10**6)
    )
    with serving(service) as url:
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port)) as line:
            head = f"POST /v1/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {filled.secrets['user']}\r\n"
            line.sendall(head.encode() + b"Content-Length: 5\r\n\r\n{")
            impatient = Transport(url, token_for(filled.secrets["user"], "cloud"), patience=QUICK)
            while "in_flight 1.0" not in service.metrics.text().decode():
                time.sleep(0.005)
            with pytest.raises(RejectedError, match="busy"):
                impatient.json("GET", "/v1/gallery")
        assert impatient.json("GET", "/v1/gallery")["count"] == 12


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path):
        certificate, private = tmp_path / "cert.pem", tmp_path / "key.pem"
        words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        words = [*words.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", certificate]
        subprocess.run(words, check=True, capture_output=True)
        return Tls(certificate, private)

    def test_it_speaks_tls_and_only_who_trusts_it_listens(self, tls, filled, store):
        service = cloud_service(CloudServer(store), filled.tokens, filled.folder / "other", FREE)
        with serving(service, tls) as url:
            token = token_for(filled.secrets["user"], "cloud")
            trusting = Transport(url, token, ca_file=tls.certificate, patience=QUICK)
            assert trusting.json("GET", "/v1/gallery")["count"] == 12
            with pytest.raises(LostError, match="certificate is not trusted"):
                Transport(url, token, patience=QUICK).json("GET", "/v1/gallery")

    def test_a_client_may_need_a_certificate_too(self, tls, filled, store, monkeypatch):
        service = cloud_service(CloudServer(store), filled.tokens, filled.folder / "other", FREE)
        with serving(service, Tls(tls.certificate, tls.key, tls.certificate)) as url:
            token = token_for(filled.secrets["user"], "cloud")
            with pytest.raises(LostError):
                Transport(url, token, tls.certificate, QUICK).json("GET", "/v1/gallery")
            monkeypatch.setenv("CXR_VAULT_CLIENT_CERTIFICATE", str(tls.certificate))
            monkeypatch.setenv("CXR_VAULT_CLIENT_KEY", str(tls.key))
            assert Transport(url, token, tls.certificate, QUICK).json("GET", "/v1/gallery")["count"] == 12
        monkeypatch.setenv("CXR_VAULT_CLIENT_KEY", str(tls.certificate))
        with pytest.raises(ServingError, match="name two PEM files"):
            Transport(url, token)

    def test_files_that_do_not_belong_together_are_refused(self, tls, tmp_path):
        with pytest.raises(ServingError, match="no certificate and its key"):
            Tls(tls.key, tls.certificate).check()
        with pytest.raises(ServingError, match="no certificate to trust"):
            Transport("https://127.0.0.1:1", None, ca_file=tls.key)
