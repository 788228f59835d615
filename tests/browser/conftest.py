"""A real server and a real Chromium. Skipped, loudly, where there is no Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import encode_png
from scripts.live_app import CHROMIUM, PATIENCE_MS, chromium, serving, settle


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    """The folder of this worker's server; nobody else's, as other workers seal pictures too."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_folder) -> Iterator[str]:
    """The address of a server shared by the tests of this worker."""
    with serving(server_folder) as address:
        yield address
    log = (server_folder / "log.txt").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("NO BROWSER TEST RAN: no Chromium on the PATH (tests/browser/install_chromium.sh installs it)")
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser, server) -> Iterator[Callable]:
    """Return a function that lets a new visitor open a page."""
    contexts = []

    def go(path: str = "", address: str = server, width: int = 1280, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{address}/{path}")
        settle(page)
        assert page.get_by_test_id("stException").count() == 0
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture
def own_picture(tmp_path) -> Path:
    """A picture of the visitor's own."""
    y, x = np.mgrid[-1:1:240j, -1:1:300j]
    lungs = np.exp(-((np.abs(x) - 0.45) ** 2) / 0.04 - y**2 / 0.3)
    path = tmp_path / "my chest.png"
    path.write_bytes(encode_png((200 - 150 * lungs).astype(np.uint8)))
    return path
