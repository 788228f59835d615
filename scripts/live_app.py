"""The app on a free port and a Chromium to look at it: for the browser tests and the screenshots."""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# The second: a test that adds headers to answers would be taken for a public site that asks for a local one.
FLAGS = ["--no-sandbox", "--disable-features=LocalNetworkAccessChecks"]
START_SECONDS = 180
# The first visit to Retrieve waits until the gallery is sealed: ten seconds, and many more on a busy machine.
PATIENCE_MS = 180_000
# Found by selectors: a script that looks for them would be refused under a strict content security policy.
_UNFINISHED = (
    '[data-testid="stStatusWidget"]',
    '[data-testid="stSkeleton"]',
    '[data-testid="stPlotlyChart"]:not(:has(.main-svg))',
)
# Only the built-in gallery: neither a test nor a picture in the project may show what else lies on a machine.
HIDDEN = ("CXR_VAULT_DATA",)
# One thread: on a busy machine torch's threads would wait for each other longer than they work. Nobody may
# fetch pictures.
ALONE = {"OMP_NUM_THREADS": "1", "CXR_VAULT_FETCH": "off"}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run the app as ``make demo`` does and give its address.

    Args:
        folder: A folder of this server's own: its output goes to ``log.txt`` there, and what it keeps while it
            runs (sealed galleries, visitors' collections) to ``kept``.

    Raises:
        RuntimeError: The server does not come up.
    """
    with running(folder) as (address, _):
        yield address


@contextmanager
def running(folder: Path, root: Path = ROOT) -> Iterator[tuple[str, int]]:
    """Do as :func:`serving`, from any checkout, and give the number of the server's process beside its address."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.address", "127.0.0.1"]
    log, kept = folder / "log.txt", folder / "kept"
    kept.mkdir(exist_ok=True)
    shown = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    environment = shown | ALONE | {"TMPDIR": str(kept)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)], cwd=root, env=environment, stdout=output, stderr=output
        )
        try:
            _wait_for_health(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait(60)


def free_port() -> int:
    """Return a port on which nobody listens and that no outgoing connection is given before the server has it.

    What a system hands out by itself lies higher: from 32768 on Linux, from 49152 elsewhere.
    """
    while True:
        port = random.Random().randrange(20_000, 32_768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _wait_for_health(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not come up:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium and give its playwright browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def paths() -> list[str]:
    """Return the address of every page, the landing page's first: ``""``."""
    from pages.components.frame import PAGES

    return ["" if name == "overview" else name for name, *_ in PAGES]


def settle(page: Any) -> None:
    """Wait until the page has its title, the server has nothing more to say, and every chart is drawn."""
    page.locator("h1").first.wait_for()
    page.locator('.stApp[data-test-script-state="notRunning"]').wait_for()
    for unfinished in _UNFINISHED:
        page.locator(unfinished).first.wait_for(state="detached")
