"""What a stranger's file can cost: bombs and mutants, each in a process whose memory and time are read off."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import ImageError, load_image
from engine.imaging.archive import open_archive
from engine.imaging.limits import PUBLIC, Budget, check_cost
from tests.imaging import bombs
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import with_frames

PROJECT = Path(__file__).parents[2]
# Beside a server that has 450 MiB of its own, and of one processor.
MOST_MIB, MOST_SECONDS = 450, 5
CASES = PROJECT.parent / "shared" / "cases" / "bombs"

MEASURE = """
import json, resource, sys
from pathlib import Path
from engine.errors import VaultError
from engine.imaging import PUBLIC, load_image
from engine.imaging.archive import is_archive, open_archive

def read(data):
    files = [entry.read() for entry in open_archive(data)[0]] if is_archive(data) else [data]
    return [load_image(file, PUBLIC).shape for file in files]


try:
    said = str(read(Path(sys.argv[1]).read_bytes()))
except VaultError as error:
    said = f"refused: {error}"
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([said, int(peak.split()[1]) / 1024, used.ru_utime + used.ru_stime]))
"""


def cost(path):
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not say what a process has held at most")
    run = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, cwd=PROJECT, check=True)
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in bombs.all_of_them().items():
        assert len(data) <= PUBLIC.bytes
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "RGBA PNG of 16 bits",
        "PNG of 60 megapixels",
        "JPEG of many scans",
        "overlapping ZIP",
        "JPEG 2000 of 36 megapixels in colour",
        "JPEG 2000 in colour",
        "JPEG 2000 of small tiles",
        "JPEG 2000 of small blocks",
        "JPEG 2000 of 30 frames",
        "run lengths",
        "fragments",
    ],
)
def test_no_small_file_costs_much(made, name):
    said, mib, seconds = cost(made / name)
    assert mib < MOST_MIB, said
    assert seconds < MOST_SECONDS, said


def test_what_is_too_large_for_a_page_is_refused_before_decoding(made):
    for name in ("PNG of 60 megapixels", "JPEG 2000 of 36 megapixels in colour", "overlapping ZIP"):
        said, mib, seconds = cost(made / name)
        assert said.startswith("refused")
        assert mib < 150
        assert seconds < 2


@pytest.mark.skipif(not CASES.is_dir(), reason="SKIPPED LOUDLY: the collected bombs are not beside the checkout")
def test_the_collected_bombs_cost_little():
    for path in sorted(CASES.iterdir()):
        said, mib, seconds = cost(path)
        assert mib < 300, (path.name, said)
        assert seconds < MOST_SECONDS


def test_of_several_pictures_one_comes_back():
    pixels = np.stack([np.indices((64, 64)).sum(0).astype(np.uint8)] * 2)
    found = load_image(dicom_bytes(pixels, NumberOfFrames=1))
    assert np.array_equal(found, pixels[0])


def test_overlapping_entries_are_refused():
    with pytest.raises(ImageError, match="overlap"):
        open_archive(bombs.overlapping(5))


def test_the_cost_is_refused_before_the_decoder_is_called(monkeypatch):
    import openjpeg

    monkeypatch.setattr(openjpeg, "decode", lambda *_, **__: pytest.fail("decoded"))
    small, frame, tags = bombs.jpeg2000(2000)
    tight = Budget(PUBLIC.bytes, PUBLIC.pixels, 10 * 2**20)
    with pytest.raises(ImageError, match="of memory, more than the 10 MB"):
        load_image(with_frames(small, "1.2.840.10008.1.2.4.90", frame, **tags), tight)


def test_a_cost_at_the_budget_is_allowed():
    check_cost(100, 2, Budget(1, 1, 200))
    with pytest.raises(ImageError):
        check_cost(100, 2, Budget(1, 1, 200), extra=1)


def test_mutants_of_every_kind_are_refused_or_read():
    """A few hundred here; ``benchmarks/hostile_files.py`` tries 5,000."""
    command = [sys.executable, "benchmarks/hostile_files.py", "360"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env={"PYTHONPATH": "."}, check=True)
    assert "UNCAUGHT" not in run.stdout
    assert "CRASHED" not in run.stdout
    assert run.stderr == ""
