"""Runs the three parties as programs of their own, under three Linux users where the tests may do that."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEOPLE = {"cloud": 10001, "owner": 10002, "user": 10003}
PACKAGES = sysconfig.get_path("purelib")


def interpreter() -> str | None:
    """A Python that other users of this machine may run with our packages; None if there is none or we may not try."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}") if os.geteuid() == 0 else ():
        words = [python, "-c", "import numpy, starlette, faiss, torch"]
        with suppress(OSError):
            if subprocess.run(words, **identity("user"), capture_output=True, check=False).returncode == 0:
                return python
    return None


def identity(who: str) -> dict:
    """What makes a process one of another user."""
    settings = {"PYTHONPATH": PACKAGES, "HOME": "/nonexistent", "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    if who == "cloud":
        settings |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    number = PEOPLE[who]
    return {"user": number, "group": number, "extra_groups": [], "env": settings, "cwd": ROOT}


OTHERS = interpreter()


def command(who: str, words: tuple[object, ...]) -> tuple[list[str], dict]:
    """How a party runs a command, as a user of its own if that can be."""
    if OTHERS and who != "me":
        return [OTHERS, "-m", "engine", *map(str, words)], identity(who)
    return [sys.executable, "-m", "engine", *map(str, words)], {"cwd": ROOT}


def run(*words: object, status: int = 0, who: str = "me") -> subprocess.CompletedProcess:
    line, settings = command(who, words)
    done = subprocess.run(line, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def program(who: str, *words: object):
    """Run a server as a process; gives its address, and stops it as a service manager does."""
    line, settings = command(who, words)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **settings)
    try:
        line = json.loads(process.stderr.readline())
        assert line["event"] == "listening"
        yield line["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]
    assert process.returncode == 0, rest
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


def token(who: str, file: Path, role: str, name: str) -> str:
    return run("token", "add", "--tokens", file, "--role", role, "--name", name, who=who).stdout


def keep(path: Path, who: str, text: str) -> Path:
    """Put a secret into a party's folder."""
    path.write_text(text)
    path.chmod(0o600)
    if OTHERS:
        os.chown(path, PEOPLE[who], PEOPLE[who])
    return path


def rooms(place: Path) -> list[Path]:
    """A folder for each party, which nobody else may enter."""
    made = [place / name for name in PEOPLE]
    for room in made:
        room.mkdir(mode=0o700)
        if OTHERS:
            os.chown(room, PEOPLE[room.name], PEOPLE[room.name])
    return made
