import errno
import hashlib
import threading
import time

import cv2
import numpy as np
import pytest

from engine.datasets import DataError, fetch, fetching, load_dataset, manifest, verify
from engine.datasets.fetching import Limits
from tests.datasets.conftest import QUICK, Host, address, write_manifest


def test_everything_arrives_gray_resized_and_loadable(host, collection, tmp_path):
    seen = []
    report = fetch("covidx-open", tmp_path, lambda done, total: seen.append((done, total)), host.base, QUICK)
    assert (report.fetched, report.present) == (10, 0)
    assert seen == [(done, 10) for done in range(1, 11)]
    dataset = load_dataset("covidx-open", tmp_path)
    assert len(dataset) == 10
    assert dataset.load(0).shape == (300, 280)  # never enlarged
    assert dataset.load(1).shape == (597, 512)  # the shorter side becomes 512
    assert verify("covidx-open", tmp_path).ok


def test_the_stored_picture_is_the_original_one(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    original = cv2.imdecode(np.frombuffer(host.files[address(collection[3])], np.uint8), cv2.IMREAD_GRAYSCALE)
    expected = cv2.resize(original, (512, 597), interpolation=cv2.INTER_AREA)
    stored = load_dataset("covidx-open", tmp_path).load(3)
    assert np.abs(stored.astype(int) - expected).mean() < 2


def test_a_manifest_may_state_the_stored_size_instead(host, collection, tmp_path):
    """The longer side may be rounded up or down, more than that is another picture."""
    row = {key: value for key, value in collection[0].items() if key not in ("height", "width")}
    right, rounded, wrong = (
        row | {"id": name, "file": f"{name}.jpg", "stored_height": height, "stored_width": 280}
        for name, height in (("right", 300), ("rounded", 301), ("wrong", 302))
    )
    path = manifest.MANIFESTS / "cxr-sources.csv.gz"
    others = [right | {"id": label, "file": f"{label}.jpg", "label": label} for label in ("covid-19", "pneumonia")]
    others.append(others[0] | {"id": "t", "file": "t.jpg", "label": "tuberculosis"})
    write_manifest(path, [right, rounded, *others])
    assert fetch("cxr-sources", tmp_path, base=host.base, limits=QUICK).fetched == 5
    write_manifest(path, [right, wrong, *others])
    with pytest.raises(DataError, match="resized picture does not have the size"):
        fetch("cxr-sources", tmp_path, base=host.base, limits=QUICK)


def test_a_joined_collection_fetches_and_verifies_its_parts(host, collection, tmp_path):
    others = [
        {key: value for key, value in row.items() if key not in ("height", "width")}
        | {"id": f"cs{number}", "file": f"cs{number}.jpg", "group": f"s{number}"}
        for number, row in enumerate(collection[:4])
    ]
    others[3]["label"] = "tuberculosis"
    write_manifest(manifest.MANIFESTS / "cxr-sources.csv.gz", others)
    report = fetch("cxr-open", tmp_path, base=host.base, limits=QUICK)
    assert (report.fetched, report.present, report.folder) == (14, 0, tmp_path)
    assert verify("cxr-open", tmp_path).ok
    assert len(load_dataset("cxr-open", tmp_path)) == 14
    (tmp_path / "cxr_sources" / "cs2.jpg").unlink()
    assert verify("cxr-open", tmp_path).missing == ("cs2",)


def test_a_second_fetch_asks_for_nothing(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    host.requests.clear()
    report = fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    assert (report.fetched, report.present) == (0, 10)
    assert not host.requests


def test_the_notes_are_what_sha256sum_checks(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    folder = tmp_path / "covidx_open"
    lines = (folder / "stored.sha256").read_text().splitlines()
    assert len(lines) == 10
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_a_full_disk_is_said_and_what_came_stays_known(host, collection, tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    next((tmp_path / "covidx_open" / "images").glob("*.jpg")).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(fetching, "written_whole", full)
        with pytest.raises(DataError, match="cannot be written, No space left"):
            fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    assert fetch("covidx-open", tmp_path, base=host.base, limits=QUICK).present == 9


def gone(request, content, count):
    Host.send(request, 404, b"")
    return True


def test_an_interrupted_fetch_goes_on_where_it_stopped(host, collection, tmp_path):
    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    # However late the interruption comes, not everything has arrived by then.
    host.trouble = {address(row): gone for row in collection[6:]}
    with pytest.raises(KeyboardInterrupt):
        fetch("covidx-open", tmp_path, interrupt, host.base, Limits(workers=1, interval=0.02))
    here = list((tmp_path / "covidx_open" / "images").glob("*.jpg"))
    assert 4 <= len(here) <= 6
    host.trouble.clear()
    host.requests.clear()
    report = fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    assert report.present == len(here)
    assert sum(host.requests.values()) == 10 - len(here)
    assert verify("covidx-open", tmp_path).ok


def test_a_half_written_or_changed_file_is_fetched_again(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    images = tmp_path / "covidx_open" / "images"
    (images / "cx2.jpg").write_bytes((images / "cx2.jpg").read_bytes()[:-100])
    (images / "cx5.jpg").unlink()
    (images / ".cx7.0123.partial.jpg").write_bytes(b"left behind")
    report = verify("covidx-open", tmp_path)
    assert (report.missing, report.changed) == (("cx5",), ("cx2",))
    assert "1 are missing and 1 changed (cx2, cx5): run" in str(report)
    assert fetch("covidx-open", tmp_path, base=host.base, limits=QUICK).fetched == 2
    assert verify("covidx-open", tmp_path).ok


def failing(host, collection, tmp_path, trouble):
    """Fetch with trouble at the fourth picture; return the error and the names of what was stored."""
    host.trouble[address(collection[3])] = trouble
    with pytest.raises(DataError) as caught:
        fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    stored = {path.name for path in (tmp_path / "covidx_open" / "images").iterdir()}
    assert stored == {f"cx{number}.jpg" for number in range(10) if number != 3}
    assert "1 of 10 pictures of covidx-open could not be fetched, the first of them cx3" in str(caught.value)
    return str(caught.value), host.requests[address(collection[3])]


def test_a_wrong_file_is_not_kept(host, collection, tmp_path):
    def swap(request, content, count):
        Host.send(request, 200, host.files[address(collection[4])])
        return True

    message, tries = failing(host, collection, tmp_path, swap)
    assert "SHA-256 differs" in message
    assert tries == 1


def test_a_missing_file_is_not_asked_for_twice(host, collection, tmp_path):
    message, tries = failing(host, collection, tmp_path, gone)
    assert "404" in message
    assert tries == 1


def test_a_file_that_always_breaks_off_is_refused_after_three_tries(host, collection, tmp_path):
    def break_off(request, content, count):
        Host.send(request, 200, content[: len(content) // 2], length=len(content))
        return True

    message, tries = failing(host, collection, tmp_path, break_off)
    assert "missing" in message
    assert tries == 3


def test_an_endless_file_is_refused(host, collection, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.datasets.fetching.MAX_ORIGINAL_BYTES", 2**20)

    def endless(request, content, count):
        Host.send(request, 200, bytes(2**20 + 1))
        return True

    message, tries = failing(host, collection, tmp_path, endless)
    assert "larger than 1 MB" in message
    assert tries == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_is_waited_out(host, collection, tmp_path, status):
    def busy_twice(request, content, count):
        if count > 2:
            return False
        Host.send(request, status, b"", headers=[("Retry-After", "0")])
        return True

    host.trouble[address(collection[3])] = busy_twice
    assert fetch("covidx-open", tmp_path, base=host.base, limits=QUICK).fetched == 10
    assert host.requests[address(collection[3])] == 3


@pytest.mark.parametrize("value", ["soon", "-1", "\xb2", ""])
def test_a_retry_after_that_is_no_number_is_passed_over(host, collection, tmp_path, value):
    def busy_once(request, content, count):
        if count == 1:
            Host.send(request, 503, b"", headers=[("Retry-After", value)])
        return count == 1

    host.trouble[address(collection[3])] = busy_once
    assert fetch("covidx-open", tmp_path, base=host.base, limits=QUICK).fetched == 10


def test_retry_after_is_respected(host, collection, tmp_path):
    moments = []

    def busy_once(request, content, count):
        moments.append(time.monotonic())
        if count == 1:
            Host.send(request, 429, b"", headers=[("Retry-After", "1")])
        return count == 1

    host.trouble[address(collection[0])] = busy_once
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    assert moments[1] - moments[0] >= 0.99


def test_no_more_requests_at_a_time_than_allowed(host, collection, tmp_path):
    pair = threading.Barrier(2)

    def meet(request, content, count):
        pair.wait(60)
        time.sleep(0.03)  # time for a third to come, were it allowed

    host.trouble = {address(row): meet for row in collection}
    fetch("covidx-open", tmp_path, base=host.base, limits=Limits(workers=2, interval=0))
    assert host.most_busy == 2


def test_requests_keep_their_distance(host, collection, tmp_path):
    start = time.monotonic()
    fetch("covidx-open", tmp_path, base=host.base, limits=Limits(workers=4, interval=0.05))
    assert time.monotonic() - start >= 9 * 0.05


def test_an_unreachable_host_is_given_up_before_every_picture_was_tried(host, collection, tmp_path):
    host.server.shutdown()
    host.server.server_close()
    with pytest.raises(DataError, match="8 of 10 .*the connection failed"):
        fetch("covidx-open", tmp_path, base=host.base, limits=Limits(1, 0, 1, 0, 1))


def test_what_cannot_be_fetched_is_said(tmp_path):
    with pytest.raises(DataError, match="comes with the project"):
        fetch("simulated", tmp_path)
    with pytest.raises(DataError, match="no collection named"):
        fetch("mnist", tmp_path)
    with pytest.raises(DataError, match="not a web address"):
        fetch("anatomy", tmp_path, base="file:///etc")
    (tmp_path / "anatomy").write_text("a file in the way")
    with pytest.raises(DataError, match="cannot be written"):
        fetch("anatomy", tmp_path)


def test_a_stopped_fetch_keeps_what_came_and_does_not_wait_for_a_silent_host(host, collection, tmp_path):
    seen = []

    def trouble(request, content, count):
        time.sleep(0.01)
        host.send(request, 503, b"later", headers=[("Retry-After", "60")])
        return True

    host.trouble = {address(row): trouble for row in collection[5:]}
    with pytest.raises(DataError, match="was stopped"):
        fetch(
            "covidx-open",
            tmp_path,
            lambda done, total: seen.append(done),
            host.base,
            Limits(workers=2),
            stop=lambda: len(seen) >= 5,
        )
    assert max(host.requests.values()) == 1
    assert len(list((tmp_path / "covidx_open" / "images").glob("*.jpg"))) == 5
