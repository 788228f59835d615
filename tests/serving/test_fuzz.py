"""The APIs under arbitrary bytes, JSON, paths and parameters: no failure of the server, and each refusal a sentence."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.retrieval import CloudServer
from engine.serving.agent import OwnerAgent, Quota
from engine.serving.cloud import cloud_endpoints
from engine.serving.service import BINARY
from engine.serving.uploads import gallery_facts

CLOUD = cloud_endpoints(None, None, None, 1 << 20)
OWNER = OwnerAgent(None, None, None, Quota()).endpoints()
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
IDS = HEX | st.sampled_from(["0f" * 16, "", "../x", "ü"])
WORDS = st.sampled_from(
    [
        "ids",
        "code",
        "k",
        "most",
        "sketch",
        "radius",
        "digests",
        "upload",
        "gallery",
        "tag",
        "id",
        "bits",
        "key_check",
        "search",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | IDS
    | st.sampled_from(["00" * 6, "00" * 24, "ff" * 6]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=300)
PARTS = st.text(string.printable, max_size=20)


def nearly(schema):
    """Bodies that follow an endpoint's schema, or nearly: they reach its own work."""
    if schema.get("type") == "object":
        named = {name: nearly(part) for name, part in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=named) | st.fixed_dictionaries(named)
    if schema.get("type") == "array":
        return st.lists(nearly(schema["items"]), max_size=3)
    if schema.get("type") == "integer":
        return st.integers(schema["minimum"], schema["maximum"]) | st.integers(-1, 1001)
    return IDS | st.sampled_from(["00" * 6, "00" * 24, "0f" * 32]) | st.text("0123456789abcdef", max_size=12)


def body_of(endpoint):
    if isinstance(endpoint.body, dict):
        return nearly(endpoint.body).map(lambda value: json.dumps(value).encode()) | BODIES
    return BODIES | st.binary(max_size=64).map(lambda data: len(data).to_bytes(4) + data)


def attempt(party, endpoint, data):
    path = endpoint.path.format(id=data.draw(IDS), upload=data.draw(st.just(party.extra["upload"]) | IDS))
    query = "&".join(f"{name}={data.draw(st.integers(-1, 9) | PARTS)}" for name in endpoint.query)
    path = path.encode("ascii", "replace").decode() + (
        "?" + "".join(c for c in query if c.isalnum() or c in "=&-") if query else ""
    )
    body = data.draw(body_of(endpoint)) if endpoint.body is not None else None
    response = party.ask(endpoint.method, path, "owner", body)
    assert response.status < 500 or (endpoint.path == "/v1/private/search" and response.status == 501), response.data
    if response.status >= 400:
        assert response.json()["error"].endswith(".")


SOME = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("endpoint", CLOUD, ids=lambda one: f"{one.method} {one.path}")
@SOME
@given(data=st.data())
def test_the_cloud_stands_anything(opened, endpoint, data):
    attempt(opened, endpoint, data)


@pytest.mark.parametrize("endpoint", OWNER, ids=lambda one: f"{one.method} {one.path}")
@SOME
@given(data=st.data())
def test_the_owner_stands_anything(agent, endpoint, data):
    agent.extra = {"upload": "0f" * 16}
    attempt(agent, endpoint, data)


@pytest.fixture
def opened(filled, store):
    """The cloud with an open upload."""
    gallery = gallery_facts(CloudServer(store).gallery)
    upload = filled.ask("POST", "/v1/uploads", "owner", {"gallery": gallery}).json()["upload"]
    filled.extra = {"upload": upload}
    return filled


def test_bytes_endpoints_are_known():
    assert {one.path for one in CLOUD if one.body == BINARY} == {
        "/v1/private/search",
        "/v1/uploads/{upload}/rows",
        "/v1/next/uploads/{upload}/rows",
    }
