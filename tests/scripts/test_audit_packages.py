"""`make audit` where the service answers, where it knows something, and where nobody answers."""

from pathlib import Path

import pytest

from scripts.audit_packages import main

CLEAN = (
    '{"dependencies": [{"name": "a", "version": "1.0", "vulns": []}, {"name": "b", "version": "2.0", "vulns": []}], '
    '"fixes": []}'
)
SKIPPED = (
    '{"dependencies": [{"name": "a", "skip_reason": "not found"}, {"name": "b", "skip_reason": "n"}], "fixes": []}'
)
KNOWN = (
    '{"dependencies": [{"name": "a", "version": "1.0", "vulns": '
    '[{"id": "CVE-2026-1", "fix_versions": ["1.1"], "aliases": []}]}], "fixes": []}'
)


def stand_in(folder: Path, output: str, error: str, status: int) -> str:
    """A program that answers as pip-audit does."""
    path = folder / "pip-audit"
    path.write_text(f"#!/bin/sh\ncat <<'E'\n{output}\nE\ncat >&2 <<'E'\n{error}\nE\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("output", "error", "status", "said"),
    [
        (CLEAN, "", 0, "x.lock: no known vulnerability.\n"),
        (KNOWN, "Found 1 known vulnerability", 1, "a 1.0: CVE-2026-1, mended in 1.1\n"),
    ],
)
def test_an_answer_is_printed(tmp_path, capsys, output, error, status, said):
    assert main([stand_in(tmp_path, output, error, status), "x.lock"]) == status
    assert "".join(capsys.readouterr()) == said


def test_no_answer_is_one_sentence_and_status_2(tmp_path, capsys):
    trace = "Traceback (most recent call last):\n  File ...\nConnectionError: no such host"
    assert main([stand_in(tmp_path, "", trace, 1), "x.lock", "y.lock"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "no answer (ConnectionError: no such host)" in captured.err


def test_packages_that_were_passed_over_are_not_called_clean(tmp_path, capsys):
    assert main([stand_in(tmp_path, SKIPPED, "No known vulnerabilities found", 0), "x.lock"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("2 of the 2 packages of x.lock were not audited")


def test_a_missing_program_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "pip-audit"), "x.lock"]) == 2
    assert "cannot be run" in capsys.readouterr().err
