"""``demo``: the dashboard in a browser, from any folder."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.commands.console import note
from engine.errors import VaultError

# Where streamlit_app.py, pages and .streamlit lie: a checkout, or the installed package.
HOME = Path(__file__).resolve().parents[2]


def add_parser(commands: Any) -> None:
    """Add ``demo`` to the commands."""
    command = commands.add_parser(
        "demo", help="open the dashboard", description="Start the dashboard on this machine and say its address."
    )
    command.add_argument("--port", type=int, default=8501, help="port on this machine (default: %(default)s)")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    command.set_defaults(run=demo)


def demo(options: argparse.Namespace) -> None:
    """Run the dashboard until it is stopped."""
    note(f"The dashboard is at http://{options.host}:{options.port} - stop it with Ctrl-C.")
    where = ["--server.address", options.host, "--server.port", str(options.port), "--server.headless", "true"]
    # Its settings lie beside it, and are read from the folder that it starts in.
    ended = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", *where], cwd=HOME, check=False
    )
    if ended.returncode:
        raise VaultError(f"The dashboard stopped: is port {options.port} free? Choose another with --port.")
