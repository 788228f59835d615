"""Damaged files through decoder and archive reader: what is refused, and what one of them can cost at most.

``PYTHONPATH=. python benchmarks/hostile_files.py [COUNT] [--save]``; each batch runs in a process of its own, so that a
crash of a decoder's C code would be counted and not end the run. ``--save`` writes ``hostile_files.json``.
"""

import argparse
import io
import os
import random
import resource
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom.uid import DeflatedExplicitVRLittleEndian

from engine.artifacts import commit, machine, save_result
from engine.errors import VaultError
from engine.imaging import PUBLIC, encode_jpeg, encode_png, load_image
from engine.imaging.archive import open_archive
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import jpeg2000, jpeg_lossless, jpeg_ls, rle, wave
from tests.imaging.mutation import mutate

BATCH = 50


def seeds() -> dict[str, bytes]:
    """Sound files of every kind, small, so that much of what is changed is structure."""
    pixels, tags = wave(12, (90, 72))[0], {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 3000}
    native, archive = dicom_bytes(pixels, **tags), io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("ward/a.png", "ward/b.png", "c.png"):
            packed.writestr(name, encode_png(pixels))
    with tempfile.TemporaryDirectory() as folder:
        lossless = jpeg_lossless(native, Path(folder))
    return {
        "PNG": encode_png(pixels),
        "JPEG": encode_jpeg(wave(8, (90, 72))[0]),
        "DICOM native": native,
        "DICOM deflated": dicom_bytes(pixels, DeflatedExplicitVRLittleEndian, **tags),
        "DICOM RLE": rle(native),
        "DICOM JPEG Lossless": lossless,
        "DICOM JPEG-LS": jpeg_ls(native),
        "DICOM JPEG 2000": jpeg2000(pixels, **tags),
        "ZIP": archive.getvalue(),
    }


def tried(kind: str, data: bytes) -> str:
    """Say what becomes of one file."""
    try:
        if kind == "ZIP":
            for entry in open_archive(data)[0]:
                load_image(entry.read(), PUBLIC)
        else:
            load_image(data, PUBLIC)
    except VaultError:
        return "refused"
    except Exception as error:  # noqa: BLE001
        return f"UNCAUGHT {type(error).__name__}"
    return "decoded"


def batch(kinds: dict[str, bytes], numbers: range) -> Iterator[tuple[str, str, float, float]]:
    """Try some mutants in a child process: kind, outcome, seconds and peak MiB of each."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        for number in numbers:
            kind = list(kinds)[number % len(kinds)]
            start = time.process_time()
            outcome = tried(kind, mutate(kinds[kind], random.Random(number)))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            os.write(writer, f"{kind}\t{outcome}\t{time.process_time() - start}\t{peak}\n".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        done = [line.rstrip("\n").split("\t") for line in lines]
    os.waitpid(child, 0)
    for kind, outcome, seconds, peak in done:
        yield kind, outcome, float(seconds), float(peak)
    if len(done) < len(numbers):
        yield list(kinds)[numbers[len(done)] % len(kinds)], "CRASHED", 0.0, 0.0
        yield from batch(kinds, numbers[len(done) + 1 :])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    count, kinds = options.count, seeds()
    for kind, data in kinds.items():
        assert tried(kind, data) == "decoded", kind
    rows = [row for start in range(0, count, BATCH) for row in batch(kinds, range(start, min(count, start + BATCH)))]
    for kind in kinds:
        outcomes = Counter(outcome for name, outcome, *_ in rows if name == kind)
        print(f"{kind:<22}" + "  ".join(f"{outcome} {number}" for outcome, number in sorted(outcomes.items())))
    slowest, largest = (float(np.max([row[column] for row in rows])) for column in (2, 3))
    print(f"{len(rows)} mutants; slowest {slowest:.2f} s, largest process {largest:.0f} MiB")
    if options.save:
        outcomes = Counter(outcome for _, outcome, *_ in rows)
        facts = {"provenance": {"commit": commit(), "machine": machine()}, "tried": len(rows), "outcomes": outcomes}
        save_result("hostile_files", facts | {"slowest_seconds": round(slowest, 2), "largest_mib": round(largest)})


if __name__ == "__main__":
    main()
