"""Private search, of masked and of encrypted codes, beside the plain one and beside downloading every masked code.

Processor time of this machine: what else runs on it hardly matters. ``--save`` writes the result file
``private_search.json``.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.artifacts import commit, machine, save_result
from engine.private import CodesKey, EncryptedCodes, PrivateClient, answer, encrypt_codes
from engine.retrieval import HammingIndex
from engine.retrieval.gallery_keys import GalleryKeys
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.stores.base import Gallery, IndexRows

BITS, K, SIZES = 64, 10, (1_000, 10_000, 100_000)
KEYS = GalleryKeys(bytes(32), Gallery(bytes(16), BITS, bytes(32)))


def rows_of(count):
    rng = np.random.default_rng(count)
    shapes = ((count, 16), (count, BITS // 8), (count, 24))
    return IndexRows(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes), count - 1)


def seconds(work, *arguments):
    start = time.process_time()
    result = work(*arguments)
    return round(time.process_time() - start, 4), result


def nearest(distances, apart):
    return np.lexsort((apart, distances))[:K]


def plain(index, rows, code, sketch):
    return nearest_rows(index, rows.sketches, code, K, K, sketch)[0]


def private(rows, code, sketch, expected, key=None, codes=None):
    """One private search: its times, its bytes, and whether it found the same ten."""
    asking, client = seconds(PrivateClient, code, sketch, key)
    answering, answered = seconds(codes.answer, client.question) if codes else seconds(answer, client.question, rows)
    reading, (_, distances, apart) = seconds(client.read, answered)
    if sketch is None:
        expected = nearest(np.bitwise_count(rows.codes ^ code).sum(1), np.zeros(len(rows.ids)))
    return {
        "client_seconds": round(asking + reading, 4),
        "server_seconds": answering,
        "bytes_up": len(client.question),
        "bytes_down": len(answered),
        "same_ten": bool(np.array_equal(nearest(distances, apart), expected)),
    }


def both_encrypted(rows, code, sketch, expected, folder):
    """The same about codes that are encrypted as well, with what it takes to make and keep them."""
    path = Path(folder) / "codes"
    with path.open("wb") as file:
        making, _ = seconds(file.writelines, encrypt_codes(KEYS, rows, 1, sketches=sketch is not None))
    codes = EncryptedCodes(path)
    key = CodesKey.open(KEYS, codes.head.facts + codes.head.secret)
    stored = {"bytes_a_code": path.stat().st_size // len(rows.ids), "owner_seconds": making}
    return private(rows, code, sketch, expected, key, codes) | stored


def measure(count, folder):
    rows, rng = rows_of(count), np.random.default_rng(1)
    code, sketch = rng.integers(0, 256, BITS // 8, np.uint8), rng.integers(0, 256, 24, np.uint8)
    index = HammingIndex(BITS).add(rows.codes)
    answering, expected = seconds(plain, index, rows, code, sketch)
    downloading, found = seconds(lambda: plain(HammingIndex(BITS).add(rows.codes), rows, code, sketch))
    whole = sum(part.nbytes for part in (rows.ids, rows.codes, rows.sketches))
    asked = {"client_seconds": 0, "server_seconds": answering, "bytes_up": BITS // 8 + 24, "bytes_down": 16 * K}
    return {
        "plain": asked | {"same_ten": True},
        "private, codes": private(rows, code, None, expected),
        "private, codes and sketches": private(rows, code, sketch, expected),
        "both encrypted, codes": both_encrypted(rows, code, None, expected, folder),
        "both encrypted, codes and sketches": both_encrypted(rows, code, sketch, expected, folder),
        "download all codes": {
            "client_seconds": downloading,
            "server_seconds": 0,
            "bytes_up": 0,
            "bytes_down": whole,
            "same_ten": bool(np.array_equal(found, expected)),
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    with tempfile.TemporaryDirectory() as folder:
        measured = {str(count): measure(count, folder) for count in SIZES}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{BITS}-bit codes, top {K}, processor seconds; peak memory of the whole run {peak} MiB")
    for count, ways in measured.items():
        for way, row in ways.items():
            figures = "  ".join(f"{name} {value:,}" for name, value in row.items())
            print(f"{int(count):>8,}  {way:34} {figures}")
    if parser.parse_args().save:
        protocol = {"bits": BITS, "k": K, "codes": "random", "seconds": "processor time, one core"}
        facts = {"commit": commit(), "machine": machine()}
        result = {"protocol": protocol, "provenance": facts, "sizes": measured, "peak_mib": peak}
        print(f"written: {save_result('private_search', result)}")


if __name__ == "__main__":
    main()
