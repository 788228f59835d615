"""Sealed files of a process that was killed are removed by the next one; those of a living one are left alone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pages.components.visit import folders

ROOT = Path(__file__).parents[4]
SEALS = """
import sys
from pathlib import Path
from pages.components.visit.folders import sealed_folder
folder = sealed_folder("own")
(Path(folder.name) / "collection.db").write_bytes(b"sealed")
print(folder.name, flush=True)
sys.stdin.read()
"""


def start(parent: Path) -> tuple[subprocess.Popen, Path]:
    """Start a process that seals something into a folder, and say where."""
    process = subprocess.Popen(
        [sys.executable, "-c", SEALS],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, Path(process.stdout.readline().strip())


@pytest.fixture
def killed(tmp_path) -> Path:
    """Where a process that was killed has left its sealed file."""
    process, folder = start(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (folder / "collection.db").exists()
    return folder


def test_the_next_process_removes_what_a_killed_one_left(killed, tmp_path):
    process, folder = start(tmp_path)
    assert not killed.exists()
    assert {child.name for child in tmp_path.iterdir()} == {folder.parent.name}
    # A second one beside it takes nothing from it, and each tidies up when it ends by itself.
    other, beside = start(tmp_path)
    assert (folder / "collection.db").exists()
    for one in (other, process):
        one.communicate("")
    assert not folder.exists()
    assert not beside.exists()
    assert list(tmp_path.iterdir()) == []


def test_links_and_folders_of_other_programs_stay(killed, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{folders.PREFIX}link").symlink_to(elsewhere)
    (tmp_path / "cxr-vault-parties").mkdir()
    assert folders.sweep(tmp_path) == 1
    assert elsewhere.exists()
    assert (tmp_path / "cxr-vault-parties").exists()
