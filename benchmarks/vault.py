"""Stores beside faiss alone, in one interleaved run: appending, exact top 10, one more picture, cold start.

    python -m benchmarks.vault [--counts 10000 100000] [--engines sqlite postgresql postgresql+s3] [--writers 30]
    python -m benchmarks.vault --counts --kills 100

Codes have 64 bits and are random; sealed pictures are a few bytes, for it is rows that are measured. Through an S3
server on this machine go at most ``S3_ROWS`` of them. Where PostgreSQL or an S3 server is missing, a line says so.
"""

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from engine.artifacts import commit, load_result, machine, result_path, save_result
from engine.retrieval import CloudServer, Gallery, HammingIndex, SealedPicture, open_store
from engine.retrieval.mirror import nearest_rows
from engine.retrieval.server import MOST_NEIGHBOURS
from engine.retrieval.sketches import sketches_of
from tests.retrieval.stores.killing import survive
from tests.services import postgresql, s3
from tests.serving.killing import Siege

NAME = "stores"
BITS, K, ROUNDS, BATCH = 64, 10, 40, 5_000
S3_ROWS = 2_000
ENGINES = ("sqlite", "postgresql", "postgresql+s3")
GALLERY = Gallery(b"g" * 16, BITS, b"k" * 32)


def make_rows(codes, seed):
    rng = np.random.default_rng(seed)
    for start in range(0, len(codes), BATCH):
        some = codes[start : start + BATCH]
        noise = rng.bytes(len(some) * (16 + 16 + 24))
        yield [
            SealedPicture(
                secrets.token_hex(16),
                code.tobytes(),
                b"note",
                b"picture",
                digest=noise[n * 56 : n * 56 + 16],
                sketch=noise[n * 56 + 16 : n * 56 + 40],
            )
            for n, code in enumerate(some)
        ]


def timed(act, *arguments):
    start = time.perf_counter()
    outcome = act(*arguments)
    return time.perf_counter() - start, outcome


def append(store, codes, seed=0):
    with store.appending(GALLERY) as upload:
        for rows in make_rows(codes, seed):
            upload(rows)


def add_one(server, code, seed):
    """What one more picture costs an owner's store: a look-up of its digest and an upload of its own."""
    (rows,) = make_rows(code[None], seed)
    server.known([rows[0].digest])
    with server.receiving(GALLERY) as upload:
        upload(rows)


def cold(address, query):
    """Start a server and answer once."""
    return timed(lambda: (made := CloudServer(address), made.nearest(query, K))[0])


def milliseconds(times):
    ordered = sorted(1000 * one for one in times)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]


def measure(name, address, codes, queries):
    taken, _ = timed(append, open_store(address), codes)
    start, server = cold(address, queries[0])
    index = HammingIndex(BITS).add(codes)
    faiss_times, times = [], []
    for query in queries:
        spent, (distances, _) = timed(index.search, query[None], K)
        ours, near = timed(server.nearest, query, K)
        assert [one.distance for one in near[:K]] == distances[0].tolist()
        faiss_times.append(spent)
        times.append(ours)
    more = [timed(add_one, server, code, 10 + n)[0] for n, code in enumerate(queries[:15])]
    (alone, alone95), (p50, p95), (one, one95) = map(milliseconds, (faiss_times, times, more))
    print(
        f"  {name:15} append {len(codes) / taken:9,.0f} rows/s   top {K}: p50 {p50:7.2f} p95 {p95:7.2f} ms, "
        f"{p50 / alone:5.1f} x faiss ({alone:.2f}, {alone95:.2f})   one more: p50 {one:6.1f} p95 {one95:6.1f} ms   "
        f"cold {start:5.2f} s"
    )
    milli = {
        "p50": p50,
        "p95": p95,
        "faiss_p50": alone,
        "faiss_p95": alone95,
        "one_more_p50": one,
        "one_more_p95": one95,
    }
    return {"rows": len(codes), "rows_a_second": len(codes) / taken, "ms": milli, "cold_seconds": start}


def compare(count, addresses):
    codes = np.random.default_rng(1).integers(0, 256, (count, BITS // 8), dtype=np.uint8)
    queries = np.random.default_rng(2).integers(0, 256, (ROUNDS, BITS // 8), dtype=np.uint8)
    print(f"{count:,} codes of {BITS} bits")
    spent, _ = timed(HammingIndex(BITS).add, codes)
    print(f"  {'faiss alone':15} append {count / spent:9,.0f} rows/s, {BITS // 8} bytes a picture, nothing on disk")
    return {
        name: measure(name, address(), codes[:S3_ROWS] if name.endswith("s3") else codes, queries)
        for name, address in addresses.items()
    }


def ties(count, values=3, asked=200):
    """How many of some stored pictures are among the rows that are named for them, when few codes are shared by all.

    Descriptors are of three tight classes, as a supervised network's are; the first of equal codes used to be named.
    """
    rng = np.random.default_rng(5)
    kinds = np.arange(count) % values
    descriptors = rng.standard_normal((values, 64))[kinds] * 45 + rng.normal(0, 20, (count, 64))
    descriptors = np.clip(np.rint(descriptors), -127, 127).astype(np.int8)
    index, sketches = HammingIndex(BITS).add(np.repeat(kinds.astype(np.uint8)[:, None], 8, 1)), sketches_of(descriptors)
    codes = index.codes()
    found, before, times = 0, 0, []
    for number in rng.choice(count, asked, replace=False):
        arguments = (index, sketches, codes[number], K, MOST_NEIGHBOURS)
        spent, (positions, _, _) = timed(nearest_rows, *arguments, sketches[number])
        found += number in positions
        before += number in nearest_rows(*arguments)[0]
        times.append(spent)
    print(
        f"{count:,} pictures with {values} codes: {found} of {asked} stored pictures are named with sketches, {before} "
        f"without; p50 {milliseconds(times)[0]:.1f} ms"
    )


def addresses(stack, wanted):
    """What makes a fresh address of each engine that is there."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found = {"sqlite": lambda: f"sqlite:///{folder}/{secrets.token_hex(4)}.db"}
    try:
        database = stack.enter_context(postgresql("fsync=on"))
        found["postgresql"] = lambda: f"{database}?schema=b_{secrets.token_hex(4)}"
        endpoint = stack.enter_context(s3("bench"))
        found["postgresql+s3"] = lambda: f"{found['postgresql']()}&blobs=s3://bench/p&endpoint={endpoint}"
    except pytest.skip.Exception as missing:
        print(f"not measured: {missing}")
    return {name: make for name, make in found.items() if name in wanted}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--writers", type=int, default=0, help="writers to kill for each engine but S3")
    parser.add_argument("--kills", type=int, default=0, help="of cloud, agent, uploading owner and database")
    parser.add_argument("--save", action="store_true", help="write models/results/stores.json")
    options = parser.parse_args()
    with ExitStack() as stack:
        there = addresses(stack, options.engines) if options.counts or options.writers else {}
        for count in options.counts:
            measured = compare(count, there)
            if options.save:
                keep("counts", {str(count): measured})
            ties(count)
        for name in () if not options.writers else (one for one in there if not one.endswith("s3")):
            seconds, kept = timed(survive, there[name](), options.writers)
            print(
                f"{options.writers} writers of {name} killed in {seconds:.0f} s: {kept} rows stored, none lost or half"
            )
    if options.kills:
        with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
            outcome = besiege(stack, Path(folder), options.kills)
        if options.save:
            keep("kills", outcome)


def keep(section, figures):
    """Put figures into the result file, beside what other runs have put there."""
    there = load_result(NAME)[0] if result_path(NAME).exists() else {}
    protocol = {"bits": BITS, "k": K, "rounds": ROUNDS, "codes": "random", "s3_rows": S3_ROWS}
    facts = {"protocol": protocol, "provenance": {"commit": commit(), "machine": machine()}}
    print(f"written: {save_result(NAME, there | facts | {section: there.get(section, {}) | figures})}")


def besiege(stack, folder, kills):
    """Kill the parties of a running search while rows go up; see ``tests/serving/killing.py``."""
    siege = Siege(stack, folder)
    for number in range(1, kills + 1):
        batches = siege.strike()
        print(f"\r{number} of {kills} killed, {batches} uploads told", end="", file=sys.stderr)
    left = siege.end()
    p50, p95 = milliseconds(siege.seconds)
    print(
        f"\n{kills} kill -9 ({', '.join(f'{name} {count}' for name, count in sorted(siege.victims.items()))}): {left}; "
        f"a user's search is answered again after p50 {p50 / 1000:.1f} s, p95 {p95 / 1000:.1f} s"
    )
    return {"victims": dict(siege.victims), "again_seconds": {"p50": p50 / 1000, "p95": p95 / 1000}} | left


if __name__ == "__main__":
    main()
