"""Private search beside the plain one and beside downloading every masked code, in one run.

Processor time of this machine: what else runs on it hardly matters. ``--save`` writes the result file
``private_search.json``.
"""

import argparse
import resource
import time

import numpy as np

from engine.artifacts import commit, machine, save_result
from engine.private import PrivateClient, answer
from engine.retrieval import HammingIndex
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.stores.base import IndexRows

BITS, K, SIZES = 64, 10, (1_000, 10_000, 100_000)


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


def private(rows, code, sketch, expected):
    """One private search: its times, its bytes, and whether it found the same ten."""
    asking, client = seconds(PrivateClient, code, sketch)
    answering, answered = seconds(answer, client.question, rows)
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


def measure(count):
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
    measured = {str(count): measure(count) for count in SIZES}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{BITS}-bit codes, top {K}, processor seconds; peak memory of the whole run {peak} MiB")
    for count, ways in measured.items():
        for way, row in ways.items():
            figures = "  ".join(f"{name} {value:,}" for name, value in row.items())
            print(f"{int(count):>8,}  {way:28} {figures}")
    if parser.parse_args().save:
        protocol = {"bits": BITS, "k": K, "codes": "random", "seconds": "processor time, one core"}
        facts = {"commit": commit(), "machine": machine()}
        result = {"protocol": protocol, "provenance": facts, "sizes": measured, "peak_mib": peak}
        print(f"written: {save_result('private_search', result)}")


if __name__ == "__main__":
    main()
