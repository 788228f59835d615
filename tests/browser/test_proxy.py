"""The proxy recipe before a real server: whose session it is, how many may come. Skipped, loudly, without Caddy."""

import os
import re
import shutil
import subprocess
import time

import numpy as np
import pytest
import requests
from websockets.exceptions import InvalidStatus

from engine.imaging import encode_png
from scripts.live_app import ROOT, free_port
from scripts.visitor import Answer, Visitor

CADDY = shutil.which("caddy")
START_SECONDS = 30
OWN = "Your own picture"


@pytest.fixture(scope="module")
def proxy(server, tmp_path_factory):
    """The address of Caddy in front of the server, with room for six at once."""
    if CADDY is None:
        pytest.skip("NO PROXY TEST RAN: no Caddy on the PATH (apt-get install caddy)")
    address, folder = f"http://127.0.0.1:{free_port()}", tmp_path_factory.mktemp("caddy")
    environment = os.environ | {
        "CXR_VAULT_SITE": address,
        "CXR_VAULT_APP": server.removeprefix("http://"),
        "CXR_VAULT_CONNECTIONS": "6",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    # Without the port of its own on which a Caddy is told things: another one may run on this machine.
    recipe = folder / "Caddyfile"
    recipe.write_text(
        (ROOT / "deploy" / "Caddyfile").read_text().replace("{\n\tservers", "{\n\tadmin off\n\tservers", 1)
    )
    with (folder / "log.txt").open("wb") as log:
        command = [CADDY, "run", "--config", str(recipe), "--adapter", "caddyfile"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(f"{address}/_stcore/health", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Caddy did not come up.")


def cookie(address: str) -> dict[str, str]:
    """Open the page as a new browser, and return what it says from then on."""
    answer = requests.get(address, timeout=30)
    assert answer.ok
    given = answer.headers["Set-Cookie"]
    found = re.search(r"(__Host-visit=[0-9a-f-]{36}); Path=/; Secure; HttpOnly; SameSite=Lax", given)
    assert found, given
    return {"Cookie": found.group(1)}


def bring(visitor: Visitor) -> Answer:
    picture = np.random.default_rng(5).integers(0, 256, (96, 80), np.uint8)
    key = next(key for key in visitor.widgets if key.startswith("picture_upload"))
    return visitor.upload(key, "mine.png", encode_png(picture))


def shown(answer: Answer) -> bool:
    return any(OWN in text for _, text in answer.texts)


def test_a_dropped_connection_keeps_the_picture(server):
    with Visitor(server, "enhance") as visitor:
        assert shown(bring(visitor))
        session = visitor.session
        assert shown(visitor.reconnect(session))
        assert visitor.session == session
        assert shown(visitor.reconnect(session))


def test_the_id_of_a_session_without_its_cookie_is_worth_nothing(proxy):
    mine, other = cookie(proxy), cookie(proxy)
    assert mine != other
    with Visitor(proxy, "enhance", headers=mine) as visitor, Visitor(proxy, "enhance", headers=other) as thief:
        assert shown(bring(visitor))
        session = visitor.session
        # While its owner is there, and after he lost his connection; a header of one's own does not help.
        assert not shown(thief.reconnect(session))
        assert thief.session != session
        forged = other | {"X-Visit": mine["Cookie"].partition("=")[2]}
        assert not shown(thief.reconnect(session, forged))
        assert shown(visitor.rerun())
        visitor._socket.close()
        assert not shown(thief.reconnect(session))
        assert shown(visitor.reconnect(session))
        assert visitor.session == session


def test_a_socket_without_a_cookie_is_refused(proxy):
    for headers in ({"Cookie": "other=1"}, {"Cookie": "__Host-visit="}, {"Cookie": "__Host-visit=guess"}):
        with pytest.raises(InvalidStatus, match="403"):
            Visitor(proxy, "enhance", headers=headers)


def test_more_connections_than_there_is_room_for_are_refused_and_the_others_stay(proxy):
    mine = cookie(proxy)
    visitors: list[Visitor] = []

    def crowd() -> None:
        for _ in range(7):
            visitors.append(Visitor(proxy, "benchmarks", headers=mine))

    try:
        with pytest.raises((InvalidStatus, requests.HTTPError), match="503"):
            crowd()
        assert len(visitors) >= 5
        assert not visitors[0].rerun().errors
    finally:
        for visitor in visitors:
            visitor.__exit__()
    assert requests.get(f"{proxy}/_stcore/health", timeout=30).ok


def test_a_header_without_end_is_refused(proxy):
    assert requests.get(proxy, headers={"X-Long": "x" * 40_000}, timeout=30).status_code == 431
