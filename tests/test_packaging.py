"""What is built and installed agrees with what is tested: one list of packages, one version, one package name."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from engine.version import __version__

PROJECT = Path(__file__).parents[1]
FACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())
EXTRAS = {path.stem.removeprefix("requirements-"): path for path in PROJECT.glob("requirements-*.txt")}


def pinned(path: Path) -> dict[str, Requirement]:
    lines = [line for line in path.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {Requirement(line).name: Requirement(line) for line in lines}


def ranges(lines: list[str]) -> dict[str, Requirement]:
    return {Requirement(line).name: Requirement(line) for line in lines}


@pytest.mark.parametrize("extra", ["", *sorted(EXTRAS)])
def test_the_package_asks_for_what_is_tested(extra: str) -> None:
    path = EXTRAS[extra] if extra else PROJECT / "requirements.txt"
    project = FACTS["project"]
    asked = ranges(project["optional-dependencies"][extra] if extra else project["dependencies"])
    tested = pinned(path)
    assert asked.keys() == tested.keys()
    for name, requirement in tested.items():
        assert [part.operator for part in requirement.specifier] == ["=="]
        version = next(iter(requirement.specifier)).version
        assert asked[name].specifier.contains(version), f"{name} {version} is tested and not allowed"
        assert asked[name].extras == requirement.extras


def test_every_extra_has_its_file() -> None:
    assert set(FACTS["project"]["optional-dependencies"]) == set(EXTRAS)


def test_the_wheel_has_one_name_in_site_packages() -> None:
    wheel = FACTS["tool"]["hatch"]["build"]["targets"]["wheel"]
    into = [*wheel["sources"].values(), *wheel["force-include"].values()]
    assert {name.split("/")[0] for name in into} == {"cxr_vault"}
    assert set(wheel["only-include"]) == set(wheel["sources"])
    assert all((PROJECT / name).exists() for name in (*wheel["sources"], *wheel["force-include"]))


def test_the_version_stands_in_one_place() -> None:
    assert FACTS["project"]["dynamic"] == ["version"]
    assert FACTS["tool"]["hatch"]["version"]["path"] == "engine/version.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
