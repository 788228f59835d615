"""Real services for tests: PostgreSQL and S3 servers on this machine, or a skip that says what is missing."""

import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

USER = "postgres"


@contextmanager
def postgresql(*settings: str) -> Iterator[str]:
    """Start a fresh PostgreSQL server on 127.0.0.1 and give the address of its database; see :class:`Postgresql`."""
    with Postgresql(*settings) as server:
        yield server.uri


class Postgresql:
    """A fresh PostgreSQL server on 127.0.0.1, which can be killed and started again.

    Attributes:
        uri: address of its database.
    """

    def __init__(self, *settings: str) -> None:
        """Find the server's programs.

        Args:
            settings: further ones, as in ``fsync=on``; by default nothing waits for the disk.
        """
        pytest.importorskip("psycopg", reason="PostgreSQL is not tested: install requirements-server.txt")
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        if not programs:
            pytest.skip("PostgreSQL is not tested: its server is missing (apt-get install postgresql)")
        self._programs, self._settings, port = programs[-1], settings, free_port()
        self._listening = f"-p {port} -c listen_addresses=127.0.0.1"
        self.uri = f"postgresql://{USER}@127.0.0.1:{port}/postgres"

    def __enter__(self) -> "Postgresql":
        self._folder = tempfile.TemporaryDirectory(prefix="cxr-postgres-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        self._data = folder / "data"
        _as_user(self._programs / "initdb", "-D", self._data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):
            _as_user(*self._control, "-m", "immediate", "stop")
        self._folder.cleanup()

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"{self._listening} -k {self._folder.name}"
        for setting in ("fsync=off", "max_connections=60", *self._settings):
            options += f" -c {setting}"
        _as_user(*self._control, "-o", options, "-l", Path(self._folder.name) / "log", "start")

    def kill(self) -> None:
        """Kill all its processes at once, as a lost power would, and wait until they are gone."""
        pid = (self._data / "postmaster.pid").read_text().split()[0]
        family = [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(int(one), signal.SIGKILL)
        while any(_runs(one) for one in family):
            time.sleep(0.01)
        # A dead process that nobody has asked for yet looks alive to the next server.
        for lock in (self._data / "postmaster.pid", *Path(self._folder.name).glob(".s.PGSQL.*")):
            lock.unlink()

    @property
    def _control(self) -> tuple[object, ...]:
        return (self._programs / "pg_ctl", "-D", self._data, "-w")


def _runs(pid: str) -> bool:
    """Whether there is such a process, and not only what its parent has not asked for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


@contextmanager
def s3(bucket: str) -> Iterator[str]:
    """Start an S3 server with one bucket and give its address; credentials of no worth go to the environment."""
    pytest.importorskip("boto3", reason="Buckets are not tested: install requirements-server.txt")
    server_module = pytest.importorskip("moto.server", reason="Buckets are not tested: install requirements-dev.txt")
    import boto3

    names = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in names.items():
            environment.setenv(name, value)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        try:
            boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
            yield endpoint
        finally:
            server.stop()


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Callable[[int], None]]:
    """Put a disk of so few bytes at a folder, which root alone may do; gives what makes it another size."""
    folder.mkdir(parents=True, exist_ok=True)

    def mount(options: str) -> int:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode

    def resize(kibibytes: int) -> None:
        assert mount(f"remount,size={kibibytes}k") == 0

    if os.geteuid() != 0 or not shutil.which("mount") or mount(f"size={kibibytes}k"):
        pytest.skip("SKIPPED: full disks are not tested, since this machine lets nobody mount a small one")
    try:
        yield resize
    finally:
        # Whoever still holds a file of it open keeps it until then.
        subprocess.run(["umount", "-l", str(folder)], check=True)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_user(*command: object) -> None:
    """Run a program of PostgreSQL, which refuses to run as root."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        pwd.getpwnam(USER)
        words = ["runuser", "-u", USER, "--", *words]
    # Away from a folder that the user may not see.
    subprocess.run(words, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
