"""Ask the vulnerability service about every locked package: ``make audit``.

python scripts/audit_packages.py PIP_AUDIT LOCK...  # 0: nothing known; 1: known vulnerabilities, listed; 2: no answer
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VULNERABLE, NO_ANSWER = 1, 2
OPTIONS = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "--requirement")


def audit(program: Path | str, lock: Path | str) -> tuple[int, list[str]]:
    """Return what pip-audit says of a lock file.

    Args:
        program: Path of pip-audit.
        lock: Lock file with hashes.

    Returns:
        The exit status and the lines to print: one a vulnerability, or one sentence.
    """
    try:
        asked = subprocess.run([program, *OPTIONS, lock], capture_output=True, text=True, check=False)
        report = json.loads(asked.stdout)
    except OSError as error:
        return NO_ANSWER, [f"{program} cannot be run ({error.strerror}): `make audit` installs it."]
    except ValueError:
        reason = next((line for line in reversed(asked.stderr.splitlines()) if line.strip()), "nothing was said")
        return NO_ANSWER, [
            f"{Path(lock).name} was not audited, for the vulnerability service gave no answer "
            f"({reason.strip()[:160]}): run `make audit` again where it can be reached."
        ]
    return _verdict(Path(lock).name, report["dependencies"])


def _verdict(lock: str, packages: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    if found:
        return VULNERABLE, found
    # With a mirror that knows no vulnerabilities pip-audit passes over every package and calls that clean.
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if skipped:
        return NO_ANSWER, [
            f"{len(skipped)} of the {len(packages)} packages of {lock} were not audited, for the vulnerability service "
            f"gave no answer ({skipped[0][:160]}): run `make audit` again where it can be reached."
        ]
    return 0, [f"{lock}: no known vulnerability."]


def main(words: Sequence[str]) -> int:
    """Audit every lock file named; return the status of the first that is not clean."""
    for lock in words[1:]:
        status, lines = audit(words[0], lock)
        print("\n".join(lines), file=sys.stderr if status else sys.stdout)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
