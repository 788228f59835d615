"""The wheel in an environment of its own, in an empty folder: every command works without the checkout.

The packages that it asks for are those of the environment that runs the tests, put within reach by a ``.pth`` file;
that their list is right is what ``tests/test_packaging.py`` says.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from engine.datasets import load_dataset
from engine.imaging import load_image

PROJECT = Path(__file__).parents[1]
PICTURES = 6


class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    def __init__(self, folder: Path) -> None:
        built = folder / "dist"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run(
            [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", built, PROJECT], cwd=folder, check=True
        )
        self.wheel = next(built.glob("*.whl"))
        venv.create(folder / "venv", with_pip=False)
        self._bin = folder / "venv" / "bin"
        site = next((folder / "venv" / "lib").glob("python*/site-packages"))
        subprocess.run(
            [*pip, "--python", self._bin / "python", "install", "--no-deps", "--no-index", self.wheel], check=True
        )
        (site / "tested.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self.home = folder / "empty"
        self.home.mkdir()

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run ``cxr-vault`` in the empty folder, as somebody without pictures of the collections."""
        hidden = {"PYTHONPATH", "CXR_VAULT_DATA", "XDG_DATA_HOME"}
        clean = {name: value for name, value in os.environ.items() if name not in hidden}
        return subprocess.run(
            [self._bin / "cxr-vault", *map(str, words)],
            cwd=self.home,
            env=clean | {"HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    pytest.importorskip("hatchling", reason="THE WHEEL IS NOT TESTED: install requirements-dev.txt")
    return Installed(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for record in load_dataset("gallery").records[:PICTURES]:
        (root / record.path.name).write_bytes(record.path.read_bytes())
    return root


def test_a_folder_is_sealed_and_searched(installed, folder):
    store, query = ("--store", "vault.db", "--key-file", "vault.key"), min(folder.iterdir())
    made = installed.run("key", "new", "--key-file", "vault.key")
    assert made.returncode == 0, made.stderr
    indexed = installed.run("index", folder, *store)
    assert indexed.returncode == 0, indexed.stderr
    asked = installed.run("search", query, *store, "--k", 3, "--json")
    assert asked.returncode == 0, asked.stderr
    said = json.loads(asked.stdout)
    first = (said["results"] if isinstance(said, dict) else said)[0]
    assert (first["name"], first["distance"]) == (query.name, 0)


def test_a_picture_is_sealed_and_opened(installed, folder):
    picture = min(folder.iterdir())
    for words in (("encrypt", picture, "sealed.cxr"), ("decrypt", "sealed.cxr", "opened.png")):
        done = installed.run(*words, "--key-file", "one.key")
        assert done.returncode == 0, done.stderr
    opened = load_image((installed.home / "opened.png").read_bytes())
    assert (opened == load_image(picture.read_bytes())).all()


def test_demo_and_version_are_there(installed):
    assert installed.run("demo", "--help").returncode == 0
    assert ", commit " in installed.run("--version").stdout


def test_advice_names_the_command_and_a_folder_of_the_person(installed):
    said = installed.run("data", "list").stdout
    assert "480 pictures here" in said
    assert f"{installed.home}/.local/share/cxr-vault/covidx_open" in said
    assert "`cxr-vault data fetch covidx-open`" in said
    assert "site-packages" not in said
