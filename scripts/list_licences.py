"""Write docs/licences.md: the licence of every locked package, as its own metadata says.

python scripts/list_licences.py          # write, in an environment where requirements-dev.txt is installed
python scripts/list_licences.py --check  # exit with 1 if a licence does not go with Apache-2.0, or a package is missing
"""

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "licences.md"
RUNTIME, DEVELOPMENT = PROJECT / "requirements.lock", PROJECT / "requirements-dev.lock"
ABSENT = "not installed where this was made"
HEAD = """# Licences

CXR Vault is under Apache-2.0. These are the packages that it runs and is tested with (those of extras count as
"test") and what their metadata say; none is part of its wheel. `python scripts/list_licences.py` writes the page.
Packages "not installed" come with other platforms or with the CUDA build of torch, whose libraries are under NVIDIA's
licence.

| package | needed to | licence |
|---|---|---|
"""
# Licences that ask of whoever uses a package what Apache-2.0 does not; the lesser GPL does not, for a package apart.
STRONG = re.compile(r"\b(?:A?GPL|SSPL|BUSL)|GNU (?:Affero )?General Public|Non-?Commercial", re.IGNORECASE)
CHOICE = re.compile(r"\s+or\s+(?!later|any)", re.IGNORECASE)
LONGEST = 80


def locked(path: Path) -> list[str]:
    """Return the names of the packages of a lock file.

    Args:
        path: Lock file, one ``name==version`` at the beginning of a line for every package.

    Returns:
        Names, sorted, each once.
    """
    return sorted(
        {match[1] for match in re.finditer(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==", path.read_text(), re.MULTILINE)}
    )


def licence_of(facts: PackageMetadata) -> str:
    """Return the licence that a package's metadata name: its expression, its classifiers, or its own words.

    Args:
        facts: Metadata of an installed package.

    Returns:
        One line.
    """
    classified = [line.split(" :: ")[-1] for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    expression, free = ((facts.get_all(field) or [""])[0] for field in ("License-Expression", "License"))
    words = [expression, " / ".join(classified), free]
    said = next((word for word in words if word.strip() and word != "OSI Approved"), "not said")
    return said.strip().splitlines()[0][:LONGEST].replace("|", "/")


def incompatible(licence: str) -> bool:
    """Tell whether a package of this licence could not be used beside Apache-2.0.

    Args:
        licence: As in the page.

    Example:
        >>> [incompatible(name) for name in ("GPL-3.0-only", "LGPL-3.0-only", "MIT OR GPL-2.0")]
        [True, False, False]
    """
    return all(STRONG.search(choice) for choice in CHOICE.split(licence))


def rows() -> Iterable[tuple[str, str, str]]:
    """Return name, purpose and licence of every locked package."""
    runtime = set(locked(RUNTIME))
    for name in locked(DEVELOPMENT):
        try:
            licence = licence_of(metadata(name))
        except PackageNotFoundError:
            licence = ABSENT
        yield name, "run" if name in runtime else "test", licence


def listed() -> dict[str, str]:
    """Return the licence of every package that the page names."""
    return dict(re.findall(r"^\| (\S+) \| (?:run|test) \| (.+) \|$", PAGE.read_text(), re.MULTILINE))


def main() -> int:
    """Write the page, or check the one that is there."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(HEAD + "".join(f"| {name} | {use} | {licence} |\n" for name, use, licence in rows()))
    wrong = [f"{name}: {licence}" for name, licence in listed().items() if incompatible(licence)]
    missing = set(locked(DEVELOPMENT)) - listed().keys()
    for line in (*wrong, *sorted(missing)):
        print(line, file=sys.stderr)
    return int(bool(wrong or missing))


if __name__ == "__main__":
    raise SystemExit(main())
