"""Every endpoint times every token scope, as a table made from the services' own endpoints."""

import json

import pytest
from openapi_spec_validator import validate

from engine.retrieval import CloudServer
from engine.serving.agent import OwnerAgent, Quota
from engine.serving.cloud import cloud_endpoints
from engine.serving.limits import Limits
from engine.serving.uploads import gallery_facts
from engine.serving.wire import pack, unpack, unpack_record

COMMON = [
    ("GET", "/", ()),
    ("GET", "/v1/healthz", ()),
    ("GET", "/v1/openapi.json", ()),
    ("GET", "/metrics", ("monitor", "owner")),
]
CLOUD = [(e.method, e.path, e.roles) for e in cloud_endpoints(None, None, None, 1)]
OWNER = [(e.method, e.path, e.roles) for e in OwnerAgent(None, None, None, Quota()).endpoints()]
TOKENS = {
    None: 401,
    "cxr_" + "A" * 43: 401,
    "nonsense ü": 401,
    "expired": 401,
    "monitor": 403,
    "user": 403,
    "owner": 403,
}


def expected(token, roles):
    """Status before an endpoint's own work begins, or None where it is let in."""
    if not roles or token in roles:
        return None
    return TOKENS[token]


def shut_out(party, table):
    for method, path, roles in table:
        for token in TOKENS:
            status = party.ask(method, path.format(id="0f" * 16, upload="0f" * 16), token, {}).status
            if (want := expected(token, roles)) is not None:
                assert status == want, (method, path, token)
            else:
                assert status not in (401, 403, 500), (method, path, token, status)


def test_the_cloud_lets_in_whom_it_should(filled):
    assert len(CLOUD) >= 15
    shut_out(filled, CLOUD + COMMON)


def test_the_owner_lets_in_whom_it_should(agent):
    shut_out(agent, OWNER + COMMON)


def test_reading_is_for_users_and_writing_for_owners():
    readers = {path for _, path, roles in CLOUD if "user" in roles}
    assert readers == {
        "/v1/gallery",
        "/v1/search",
        "/v1/within",
        "/v1/pictures",
        "/v1/pictures/{id}",
        "/v1/rows",
        "/v1/private/search",
        "/v1/private/codes",
    }


def test_a_token_for_one_service_is_none_for_the_other(filled, agent):
    """What the cloud hears from a user's program opens nothing at the owner's, even from one file of tokens."""
    from engine.serving.tokens import token_for

    secret = agent.secrets["user"]
    assert agent.ask("GET", "/v1/state", token_for(secret, "owner")).status == 200
    assert agent.ask("GET", "/v1/state", token_for(secret, "cloud")).status == 401


def test_a_removed_token_is_refused_at_once(filled):
    assert filled.ask("GET", "/v1/gallery", "user").status == 200
    filled.tokens.remove("the-user")
    assert filled.ask("GET", "/v1/gallery", "user").status == 401


def test_what_an_expired_token_hears_names_both_clocks(filled):
    body = filled.ask("GET", "/v1/gallery", "expired").json()["error"]
    assert "ended at 20" in body
    assert "here it is 20" in body


def test_the_description_is_openapi_and_names_every_endpoint(filled, agent):
    for party, table in ((filled, CLOUD), (agent, OWNER)):
        described = party.ask("GET", "/v1/openapi.json", None).json()
        assert described["openapi"].startswith("3.1")
        validate(described)
        found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
        assert found == {(method, path) for method, path, _ in table + COMMON}


def test_the_front_page_says_what_the_server_sees(filled, agent):
    page = filled.ask("GET", "/", None).data.decode()
    assert "masked codes" in page
    assert "unmasks every code" in page
    assert "master key" in agent.ask("GET", "/", None).data.decode()


def test_searching_by_hand(filled, store):
    server = CloudServer(store)
    rows = server.records()
    code = rows[2].code.hex()
    near = filled.ask("POST", "/v1/search", "user", {"code": code, "k": 3}).json()
    assert near[0]["distance"] == 0
    assert [set(one) for one in near] == [{"id", "distance"}] * len(near)
    ball = filled.ask("POST", "/v1/within", "user", {"code": code, "radius": 8}).json()
    assert {one["id"] for one in ball} == {
        row.id for row in rows if sum((a ^ b).bit_count() for a, b in zip(row.code, rows[2].code, strict=True)) <= 8
    }
    picture = filled.ask("GET", f"/v1/pictures/{rows[2].id}", "user")
    assert picture.data == server.pictures([rows[2].id])[0]
    both = filled.ask("POST", "/v1/pictures", "user", {"ids": [rows[1].id, rows[0].id]})
    assert list(unpack(both.data)) == server.pictures([rows[1].id, rows[0].id])
    notes = filled.ask("POST", "/v1/records", "owner", {"ids": [rows[1].id]})
    assert unpack_record(next(unpack(notes.data))).record == rows[1].record


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/search", {"code": "00" * 6}, 422),
        ("POST", "/v1/search", {"code": "00" * 6, "k": 0}, 422),
        ("POST", "/v1/search", {"code": "00" * 6, "k": True}, 422),
        ("POST", "/v1/search", {"code": "00" * 6, "k": 3.5}, 422),
        ("POST", "/v1/search", {"code": "00" * 7, "k": 3}, 422),
        ("POST", "/v1/search", {"code": "0g", "k": 3}, 422),
        ("POST", "/v1/search", {"code": "00" * 6, "k": 3, "sketch": "00"}, 422),
        ("POST", "/v1/search", {"code": "00" * 6, "k": 3, "extra": 1}, 422),
        ("POST", "/v1/search", b"{", 400),
        ("POST", "/v1/search", b"[" * 100_000, 400),
        ("POST", "/v1/search", b"\xff", 400),
        ("POST", "/v1/search", b" " * 300_000, 413),
        ("POST", "/v1/pictures", {"ids": ["0f" * 16]}, 404),
        ("POST", "/v1/pictures", {"ids": ["0f" * 16] * 1001}, 422),
        ("POST", "/v1/pictures", {"ids": ["../../etc/passwd"]}, 422),
        ("GET", "/v1/pictures/..%2f..%2fetc%2fpasswd", None, 404),
        ("GET", "/v1/rows?start=-1", None, 422),
        ("GET", "/v1/rows?count=50001", None, 422),
        ("GET", "/v1/rows?start=9999999999999999", None, 422),
        ("PATCH", "/v1/search", {}, 405),
        ("GET", "/v2/search", None, 404),
        ("POST", "/v1/uploads", {"gallery": {"id": "0f" * 16, "bits": 47, "key_check": "0f" * 32}}, 422),
        ("PUT", "/v1/uploads/" + "0f" * 16 + "/rows?start=0", b"", 404),
        ("PUT", "/v1/uploads/..%2f/rows?start=0", b"", 404),
        ("POST", "/v1/uploads/" + "0f" * 16 + "/commit", None, 404),
        ("DELETE", "/v1/uploads/" + "0f" * 16, None, 404),
    ],
)
def test_bad_requests_are_one_sentence(filled, method, path, body, status):
    response = filled.ask(method, path, "owner", body)
    assert response.status == status
    assert response.json()["error"].endswith(".")
    assert str(filled.folder) not in response.data.decode()


def test_before_the_first_upload_there_is_nothing_to_search(cloud):
    assert cloud.ask("GET", "/v1/gallery", "user").json() == {"gallery": None, "count": 0, "epoch": 0}
    assert cloud.ask("POST", "/v1/search", "user", {"code": "00" * 6, "k": 1}).status == 404
    assert cloud.ask("GET", "/v1/rows", "user").status == 404
    assert cloud.ask("POST", "/v1/records", "owner", {"ids": []}).status == 404
    assert cloud.ask("POST", "/v1/known", "owner", {"digests": ["0f" * 16]}).json() == {"known": []}


def test_a_store_that_fails_is_told_without_its_place(filled, store):
    store.write_bytes(b"rubbish")
    response = filled.ask("POST", "/v1/search", "user", {"code": "00" * 6, "k": 1})
    assert response.status == 503
    assert str(store) not in response.data.decode()
    assert [line["kind"] for line in filled.lines() if line["event"] == "trouble"] == ["StoreError"]


def test_rows_of_another_form_are_refused_and_nothing_is_kept(filled, store):
    gallery = CloudServer(store).gallery
    upload = filled.ask("POST", "/v1/uploads", "owner", {"gallery": gallery_facts(gallery)}).json()["upload"]
    whole = CloudServer(store).records()[0]
    for body in (
        b"\0\0",
        pack([b"row"]),
        pack([pack([b"i" * 16, b"c" * 5, b"r", b"", b"", b"s"])]),
        pack([pack([b"i" * 16, b"c" * 6, b"", b"", b"", b"s"])]),
    ):
        assert filled.ask("PUT", f"/v1/uploads/{upload}/rows?start=0", "owner", body).status == 422
    assert filled.ask("PUT", f"/v1/uploads/{upload}/rows", "owner", b"").status == 422
    assert filled.ask("GET", f"/v1/uploads/{upload}", "owner").json()["held"] == 0
    assert filled.ask("POST", f"/v1/uploads/{upload}/commit", "owner").json() == {"held": 0, "lost": []}
    assert len(CloudServer(store)) == 12
    assert whole


class TestLimits:
    @pytest.fixture
    def limits(self):
        return Limits(rows_bytes=1000, rate=1.0, burst=12, body_seconds=0.5)

    def test_a_caller_who_asks_too_much_is_told_to_wait(self, cloud):
        statuses = [cloud.ask("GET", "/v1/gallery", "user").status for _ in range(20)]
        assert statuses[:12] == [200] * 12
        assert 429 in statuses
        response = cloud.ask("GET", "/v1/gallery", "user")
        assert int(response.headers["Retry-After"]) >= 1
        assert cloud.ask("GET", "/v1/gallery", "owner").status == 200

    def test_guessing_tokens_is_slow(self, cloud):
        statuses = [cloud.ask("GET", "/v1/gallery", f"cxr_{n:043}").status for n in range(4)]
        assert statuses == [401, 429, 429, 429]

    def test_a_body_too_large_is_refused_before_it_is_read(self, cloud):
        path = "/v1/uploads/" + "0f" * 16 + "/rows?start=0"
        assert cloud.ask("PUT", path, "owner", bytes(1001)).status == 413
        assert cloud.ask("PUT", path, "owner", bytes(1000)).status == 404

    def test_a_body_that_does_not_come_is_not_waited_for(self, cloud):
        import socket
        from urllib.parse import urlsplit

        parts = urlsplit(cloud.url)
        with socket.create_connection((parts.hostname, parts.port)) as line:
            head = f"POST /v1/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {cloud.secrets['user']}\r\n"
            line.sendall(head.encode() + b"Content-Length: 50\r\n\r\n{")
            assert b" 408 " in line.recv(4096)


def test_the_log_tells_no_code_name_or_token(filled, agent, remote, pictures):
    from engine.retrieval import DataUser

    found = DataUser(*remote).search(pictures[0].load(), k=3)
    for party in (filled, agent):
        text = party.log.getvalue()
        assert json.loads(text.splitlines()[-1])["event"] == "request"
        codes = [one.tobytes().hex() for one in remote[1].index_rows().codes]
        words = [*codes, *(one.id for one in found), *party.secrets.values(), "patient", "ward-7", "the-user"]
        assert not [word for word in words if word in text]
        assert {line["who"] for line in party.lines()} >= {
            grant.id for grant in party.tokens.grants() if grant.name == "the-user"
        }


def test_metrics_are_prometheus_text(filled):
    from prometheus_client.parser import text_string_to_metric_families

    filled.ask("GET", "/v1/gallery", "user")
    text = filled.ask("GET", "/metrics", "monitor").data.decode()
    found = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    assert found["cxr_vault_cloud_pictures"].value == 12
    assert found["cxr_vault_cloud_uploads_open"].value == 1
    assert found["cxr_vault_cloud_requests_total"].labels["route"].startswith("/")
