"""A real server and a real Chromium. Skipped, loudly, where there is no Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import encode_png

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
START_SECONDS = 60
# Built-in gallery only: a browser test must not depend on what else lies on this machine.
HIDDEN = ("CXR_VAULT_DATA",)


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Run the app as ``make demo`` does, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.address", "127.0.0.1"]
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            wait_for_health(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def wait_for_health(address: str, process: subprocess.Popen, log: Path) -> None:
    """Return when the server answers; fail with its output if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The server did not come up:\n{log.read_text()}")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """The address of a server shared by the tests of this worker."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with serving(log) as address:
        yield address
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    if CHROMIUM is None:
        pytest.skip(
            "NO BROWSER TEST RAN: no Chromium on the PATH (tests/browser/install_chromium.sh installs it)"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, server) -> Iterator[Callable]:
    """Return a function that lets a new visitor open a page."""
    contexts = []

    def go(path: str = "", address: str = server, width: int = 1280, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(45_000)
        page.goto(f"{address}/{path}")
        settle(page)
        return page

    yield go
    for context in contexts:
        context.close()


def settle(page) -> None:
    """Wait until the page has its title and the server has nothing more to say."""
    page.locator("h1").first.wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=\"stStatusWidget\"]')")
    assert page.get_by_test_id("stException").count() == 0


@pytest.fixture
def own_picture(tmp_path) -> Path:
    """A picture of the visitor's own."""
    y, x = np.mgrid[-1:1:240j, -1:1:300j]
    lungs = np.exp(-((np.abs(x) - 0.45) ** 2) / 0.04 - y**2 / 0.3)
    path = tmp_path / "my chest.png"
    path.write_bytes(encode_png((200 - 150 * lungs).astype(np.uint8)))
    return path
