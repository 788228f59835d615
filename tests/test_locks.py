"""Every lock holds what its list pins, by hash, from no particular index; the licences of all of it are known."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.list_licences import ABSENT, DEVELOPMENT, RUNTIME, incompatible, listed, locked

PROJECT = Path(__file__).parents[1]
LOCKS = sorted(PROJECT.glob("requirements*.lock"))
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[.*?\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)


def versions(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in PIN.finditer(lock.read_text()):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def pins(path: Path) -> dict[str, str]:
    """Everything that a list pins, and the lists that it includes."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            found |= pins(path.parent / line[3:].strip())
        elif re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    return found


def test_what_is_run_tested_documented_and_released_with_is_locked() -> None:
    assert {lock.stem for lock in LOCKS} == {f"requirements{what}" for what in ("", "-dev", "-docs", "-release")}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_every_pin_of_its_list(lock: Path) -> None:
    inside = versions(lock)
    wrong = {name: version for name, version in pins(lock.with_suffix(".txt")).items() if inside[name] != {version}}
    assert wrong == {}, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index-url" not in text
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


def test_what_is_run_is_what_is_tested() -> None:
    tested = versions(DEVELOPMENT)
    assert {name: found for name, found in versions(RUNTIME).items() if tested.get(name) != found} == {}


def test_the_container_installs_the_locked_versions(tmp_path: Path) -> None:
    command = re.search(r"RUN (sed -n '.*?' requirements-dev\.lock) >", (PROJECT / "Dockerfile").read_text())
    assert command
    lines = subprocess.run(command[1], shell=True, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    constraints = [Requirement(line) for line in lines.splitlines()]
    assert {canonicalize_name(one.name) for one in constraints} == versions(DEVELOPMENT).keys()


def test_the_licences_of_all_packages_are_listed_and_go_with_ours() -> None:
    licences = listed()
    assert set(locked(DEVELOPMENT)) == licences.keys(), "run `python scripts/list_licences.py`"
    assert [name for name, licence in licences.items() if incompatible(licence)] == []
    assert sum(licence == ABSENT for licence in licences.values()) < len(licences) / 4


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("GPL-3.0-only", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("AGPL-3.0-or-later", True),
        ("GPL v2 or later", True),
        ("LGPL-3.0-only", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MIT OR GPL-2.0", False),
        ("BSD-3-Clause AND MIT", False),
    ],
)
def test_strong_copyleft_is_told_from_the_rest(licence: str, refused: bool) -> None:
    assert incompatible(licence) == refused
