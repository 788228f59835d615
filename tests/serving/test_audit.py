import errno
import json
import os
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from engine.serving import audit as module
from engine.serving.audit import START, AuditLog, verified
from engine.serving.errors import ServingError


@pytest.fixture
def log(tmp_path):
    log = AuditLog(tmp_path / "audit.log")
    yield log
    log.close()


def filled(log, count=5):
    for n in range(count):
        log.append(f"user-{n % 2}", "keys", [f"{n:032x}"])
    return log.path


def test_the_chain_is_sha256_over_sorted_json(log):
    """Checked with nothing of the module."""
    head = START
    for n, line in enumerate(filled(log).read_text().splitlines()):
        fields = json.loads(line)
        written = fields.pop("hash")
        assert (fields["number"], fields["previous"]) == (n, head)
        head = sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        assert head == written
    assert (log.head, log.count) == (head, 5)


@pytest.mark.parametrize("damage", ["change", "drop", "swap", "insert", "cut"])
def test_every_damage_is_found_and_named(log, damage):
    lines = filled(log).read_text().splitlines(keepends=True)
    broken = {
        "change": [*lines[:2], lines[2].replace("user-0", "user-1"), *lines[3:]],
        "drop": [*lines[:2], *lines[3:]],
        "swap": [*lines[:2], lines[3], lines[2], lines[4]],
        "insert": [*lines[:3], *lines[2:]],
        "cut": [*lines[:4], lines[4][:-9]],
    }[damage]
    log.path.write_text("".join(broken))
    with pytest.raises(
        ServingError, match=f"Line {dict(change=3, drop=3, swap=3, insert=4, cut=5)[damage]} of the log"
    ):
        list(verified(log.path))


def test_it_goes_on_after_a_lost_power(log, tmp_path):
    path = filled(log)
    log.close()
    with path.open("a") as file:
        file.write('{"number": 5, "ti')
    again = AuditLog(path)
    again.append("user-0", "mask", [])
    assert [entry.number for entry in verified(path)] == list(range(6))
    log._file = again._file


def test_it_does_not_go_on_from_a_broken_chain(log):
    path = filled(log)
    log.close()
    path.write_text(path.read_text().replace("user-1", "user-0", 1))
    with pytest.raises(ServingError, match="Line 2"):
        AuditLog(path)
    log._file = os.open(path, os.O_RDONLY)


def test_one_program_writes_it(log):
    with pytest.raises(ServingError, match="Another program"):
        AuditLog(log.path)


def test_a_full_disk_leaves_no_half_line(log, monkeypatch):
    filled(log, 2)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.append("user-0", "keys", [])
    assert len(list(verified(log.path))) == 2
    assert log.append("user-0", "keys", []).number == 2


def test_what_was_given_today_outlives_a_restart(log):
    path = filled(log)
    assert log.given_today("user-0", "keys") == {f"{n:032x}" for n in (0, 2, 4)}
    log.close()
    again = AuditLog(path)
    assert again.given_today("user-0", "keys") == {f"{n:032x}" for n in (0, 2, 4)}
    assert again.given_today("user-0", "mask") == set()
    log._file = again._file


def test_a_quota_begins_anew_at_midnight(log, monkeypatch):
    filled(log)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2200, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Tomorrow)
    assert log.given_today("user-0", "keys") == set()
    log.append("user-0", "keys", ["0f" * 16])
    assert log.given_today("user-0", "keys") == {"0f" * 16}
