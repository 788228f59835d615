"""Check what a small cloud host would find: packages, Python, files, a cold start, and memory.

    python scripts/check_hosting.py

The app runs from a copy of the files that git tracks, somewhere else, without the folders beside the checkout:
what is missing there is missing on the host. Exit status 1 if anything is not as it should be.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.live_app import ROOT, running  # noqa: E402
from scripts.visitor import Visitor  # noqa: E402

MEMORY_MIB = 1024
COLD_SECONDS = 15.0
FILE_BYTES = 90 * 10**6
# What lies outside the project on every machine of its kind.
SYSTEM = ("/dev/", "/proc/", "/tmp", "/data")
_PATH = re.compile(r"""["'](/(?:home|root|work|mnt|srv|opt|usr|etc|var|Users)/[^"'\s]*)""")

Finding = tuple[bool, str]


def main() -> int:
    """Print every finding; return the exit status."""
    good = True
    for fine, what in findings():
        good &= fine
        print(f"{'ok     ' if fine else 'PROBLEM'}  {what}", flush=True)
    return 0 if good else 1


def findings() -> Iterator[Finding]:
    """Check one thing after another."""
    files = tracked()
    yield from packages((ROOT / "requirements.txt").read_text())
    yield python()
    yield from sizes(files)
    yield from outside(files)
    with tempfile.TemporaryDirectory(prefix="host-") as folder:
        copy = Path(folder) / "app"
        for file in files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, copy / file)
        yield from visit(copy, Path(folder))


def tracked() -> list[Path]:
    """Return the files of the repository that are here, below its root.

    Raises:
        SystemExit: This is no git checkout, so nobody can tell which files a host would get.
    """
    if not (ROOT / ".git").exists():
        raise SystemExit(
            "A host gets what git tracks, and this is no git checkout: clone the repository and check there."
        )
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def packages(requirements: str) -> Iterator[Finding]:
    """Compare pinned versions with the installed ones that the tests ran with.

    Args:
        requirements: Text of a requirements file.
    """
    for line in requirements.splitlines():
        name, exact, wanted = line.partition("==")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            here = version(name).partition("+")[0]
        except PackageNotFoundError:
            here = "nothing"
        yield bool(exact) and here == wanted, f"{line.strip()}, installed {here}"


def python() -> Finding:
    """Tell whether this Python is one that the project promises to run on."""
    low, high = re.findall(
        r"3\.(\d+)", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    here = sys.version_info.minor
    return int(low) <= here < int(high), f"Python 3.{here}; choose 3.{low} to 3.{int(high) - 1} in the host's settings"


def sizes(files: list[Path]) -> Iterator[Finding]:
    """Tell whether the repository is one that hosts take."""
    bytes_ = {file: (ROOT / file).stat().st_size for file in files}
    largest = max(files, key=bytes_.__getitem__)
    yield bytes_[largest] <= FILE_BYTES, f"largest file: {largest}, {bytes_[largest] / 1e6:.1f} MB"
    yield True, f"{len(files):,} files, {sum(bytes_.values()) / 1e6:.0f} MB"


def outside(files: list[Path]) -> Iterator[Finding]:
    """Look for absolute paths that exist on one machine only, and for links that leave the project."""
    code = [file for file in files if file.suffix in (".py", ".toml") and "tests" not in file.parts]
    found = {str(file): _PATH.findall((ROOT / file).read_text()) for file in code}
    named = [f"{file}: {path}" for file, paths in found.items() for path in paths if not path.startswith(SYSTEM)]
    yield not named, f"paths of one machine in code: {', '.join(named) or 'none'}"
    links = [str(file) for file in files if not (ROOT / file).resolve().is_relative_to(ROOT)]
    yield not links, f"links that leave the project: {', '.join(links) or 'none'}"


def visit(root: Path, folder: Path) -> Iterator[Finding]:
    """Start cold, arrive by a deep link as after a night's sleep, open every page, and measure memory."""
    start = time.perf_counter()
    with running(folder, root) as (address, pid):
        with Visitor(address, "encrypt") as visitor:
            seconds = time.perf_counter() - start
            yield seconds <= COLD_SECONDS, f"cold start to a page reached by a link: {seconds:.1f} s"
            yield len(visitor.pages) > 1, f"that page has its frame: navigation to {len(visitor.pages)} pages"
            for path in visitor.pages:
                problems = visitor.open(path).errors
                yield not problems, f"page {path or 'overview'}: {'; '.join(problems) or 'no error'}"
        peak = peak_memory(pid)
        yield peak <= MEMORY_MIB, f"most memory ever used: {peak:.0f} MiB of {MEMORY_MIB}"
    noise = [line for line in (folder / "log.txt").read_text().splitlines() if "Traceback" in line or "Error" in line]
    yield not noise, f"the server's log: {noise[0] if noise else 'no error'}"


def peak_memory(pid: int) -> float:
    """Return the most memory that a process ever used, in MiB (Linux; 0 elsewhere)."""
    status = Path(f"/proc/{pid}/status")
    return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024 if status.exists() else 0.0


if __name__ == "__main__":
    sys.exit(main())
