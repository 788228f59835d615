"""Real services for tests: PostgreSQL and S3 servers on this machine, or a skip that says what is missing."""

import logging
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

USER = "postgres"


@contextmanager
def postgresql(*settings: str) -> Iterator[str]:
    """Start a fresh PostgreSQL server on 127.0.0.1 and give the address of its database.

    Args:
        settings: further ones, as in ``fsync=on``; by default nothing waits for the disk.
    """
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: install requirements-server.txt")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not programs:
        pytest.skip("PostgreSQL is not tested: its server is missing (apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="cxr-postgres-", ignore_cleanup_errors=True) as folder:
        port = free_port()
        data = Path(folder) / "data"
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        _as_user(programs[-1] / "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        for setting in ("fsync=off", "max_connections=60", *settings):
            options += f" -c {setting}"
        control = (programs[-1] / "pg_ctl", "-D", data, "-w")
        _as_user(*control, "-o", options, "-l", Path(folder) / "log", "start")
        try:
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        finally:
            with suppress(subprocess.CalledProcessError):
                _as_user(*control, "-m", "immediate", "stop")


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
