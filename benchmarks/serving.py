"""Search over HTTP beside faiss alone, in one interleaved run: ``python -m benchmarks.serving [--codes N]``.

A real ``serve cloud`` process over a SQLite store answers on loopback. The rows are random bytes of the right lengths.
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engine.artifacts import commit, load_result, machine, result_path, save_result
from engine.retrieval import CloudServer, Gallery, HammingIndex, SealedPicture
from engine.serving.remote_cloud import RemoteCloud
from engine.serving.tokens import TokenFile, token_for
from engine.serving.transport import Transport

BITS, K, ROUNDS, NOTE_BYTES, PICTURE_BYTES, BATCH = 64, 10, 200, 540, 200, 5000
FEW = 1000


def rows_of(codes):
    for code in codes:
        yield SealedPicture(
            secrets.token_hex(16),
            code.tobytes(),
            bytes(NOTE_BYTES),
            bytes(PICTURE_BYTES),
            digest=secrets.token_bytes(16),
            sketch=secrets.token_bytes(24),
        )


def fill(store, codes):
    start = time.perf_counter()
    with CloudServer(store).receiving(Gallery(secrets.token_bytes(16), BITS, bytes(32))) as append:
        for first in range(0, len(codes), BATCH):
            append(list(rows_of(codes[first : first + BATCH])))
    return len(codes) / (time.perf_counter() - start)


def milliseconds(ask):
    start = time.perf_counter()
    answer = ask()
    return 1000 * (time.perf_counter() - start), answer


def resident(process):
    """Megabytes of a process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def processor_seconds(process):
    """What a process has computed so far; on a busy machine this says more than the clock."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(cloud, codes):
    """Times of each way to the same answers."""
    index = HammingIndex(BITS).add(codes)
    times = {"faiss alone": [], "over HTTP": [], "HTTP alone": []}
    for query in np.random.default_rng(1).integers(0, 256, (ROUNDS, BITS // 8), dtype=np.uint8):
        alone, (distances, _) = milliseconds(lambda query=query: index.search(query[None], K))
        far, near = milliseconds(lambda query=query: cloud.nearest(query, K, most=K))
        empty, _ = milliseconds(lambda: cloud._transport.json("GET", "/v1/healthz"))
        assert [one.distance for one in near] == distances[0].tolist()
        for name, spent in zip(times, (alone, far, empty), strict=True):
            times[name].append(spent)
    return times


def under_load(transports, seconds, owner):
    """Many users search while an owner uploads; times, failures, and whether all that was uploaded is there."""
    times, failures, stop = [], [], threading.Event()
    queries = np.random.default_rng(2).integers(0, 256, (len(transports), BITS // 8), dtype=np.uint8)

    def search(transport, query):
        cloud = RemoteCloud(transport)
        while not stop.is_set():
            try:
                times.append(milliseconds(lambda: cloud.nearest(query, K, most=K))[0])
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=search, args=pair) for pair in zip(transports, queries, strict=True)]
    before, uploaded, end = len(owner), 0, time.perf_counter() + seconds
    for thread in threads:
        thread.start()
    while time.perf_counter() < end:
        with owner.receiving(owner.gallery) as append:
            append(list(rows_of(np.random.default_rng().integers(0, 256, (10, BITS // 8), dtype=np.uint8))))
        uploaded += 10
    stop.set()
    for thread in threads:
        thread.join()
    return times, failures, uploaded, len(owner) - before


def percentiles(times):
    ordered = sorted(times)
    return {"p50": statistics.median(ordered), "p95": ordered[int(0.95 * (len(ordered) - 1))]}


def show(name, times):
    print(f"  {name:<28} " + "   ".join(f"{which} {spent:8.2f} ms" for which, spent in percentiles(times).items()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--codes", type=int, default=100_000)
    arguments.add_argument("--users", type=int, default=50)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--save", action="store_true", help="write models/results/serving.json")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options)
    if options.save:
        keep(options, figures)


def keep(options, figures):
    """Put figures into the result file, beside those of other sizes."""
    sizes = load_result("serving")[0]["sizes"] if result_path("serving").exists() else {}
    protocol = {"bits": BITS, "k": K, "rounds": ROUNDS, "codes": "random", "store": "sqlite"}
    load = {"users": options.users, "seconds": options.seconds}
    result = {"protocol": protocol | load, "provenance": {"commit": commit(), "machine": machine()}}
    print(f"written: {save_result('serving', result | {'sizes': sizes | {str(options.codes): figures}})}")


@contextmanager
def served(folder, store, tokens):
    """A real server over a store: its address and its process."""
    command = [sys.executable, "-m", "engine", "serve", "cloud", "--store", str(store), "--port", "0"]
    limits = ["--tokens", str(tokens.path), "--rate", "1000000", "--in-flight", "256"]
    with (folder / f"{store.name}.log").open("w+") as log, subprocess.Popen([*command, *limits], stderr=log) as process:
        try:
            while '"listening"' not in Path(log.name).read_text():
                time.sleep(0.05)
            yield json.loads(Path(log.name).read_text().splitlines()[0])["url"], process
        finally:
            process.terminate()


def program_alone(folder, tokens, user):
    """Megabytes of a server that has done all the same over a thousand rows: the program and its libraries."""
    codes = np.random.default_rng(3).integers(0, 256, (FEW, BITS // 8), dtype=np.uint8)
    fill(folder / "few.db", codes)
    with served(folder, folder / "few.db", tokens) as (url, process):
        compare(RemoteCloud(Transport(url, user)), codes)
        return resident(process)


def measure(folder, options):
    codes = np.random.default_rng(0).integers(0, 256, (options.codes, BITS // 8), dtype=np.uint8)
    print(f"{options.codes:,} codes of {BITS} bits, top {K}, {ROUNDS} rounds")
    print(f"  stored                       {fill(folder / 'vault.db', codes):10,.0f} rows/s")
    tokens = TokenFile(folder / "tokens")
    owner, user = (token_for(tokens.add(role, role), "cloud") for role in ("owner", "user"))
    alone = program_alone(folder, tokens, user)
    with served(folder, folder / "vault.db", tokens) as (url, process):
        return report(url, owner, user, codes, process, alone, options)


def report(url, owner, user, codes, process, alone, options):
    cloud = RemoteCloud(Transport(url, user))
    cold, _ = milliseconds(lambda: cloud.nearest(codes[0], K, most=K))
    print(f"  first search of a new server {cold:10,.0f} ms")
    before = processor_seconds(process)
    times = compare(cloud, codes)
    print(f"  server's processor time      {1000 * (processor_seconds(process) - before) / ROUNDS:10.2f} ms a round")
    for name, spent in times.items():
        show(name, spent)
    ratio = statistics.median(times["over HTTP"]) / statistics.median(times["faiss alone"])
    print(f"  over HTTP is {ratio:.1f} x faiss alone")
    held = (resident(process) - alone) * 2**20 / (len(codes) - FEW) - BITS // 8
    print(f"  server memory                {alone:10,.0f} MB for the program, {held:.0f} bytes a row beside its code")
    far = RemoteCloud(Transport(url, owner))
    more = [milliseconds(lambda: one_more(far, cloud))[0] for _ in range(20)]
    show("one more row, then a search", more)
    transports = [Transport(url, user) for _ in range(options.users)]
    spent, failures, uploaded, there = under_load(transports, options.seconds, far)
    show(f"{options.users} users beside an upload", spent)
    print(f"  {len(spent):,} searches, {len(failures)} failed; {uploaded} rows uploaded, {there} there")
    ms = {name.replace(" ", "_"): percentiles(some) for name, some in times.items()}
    return {
        "ms": ms | {"one_more": percentiles(more), "under_load": percentiles(spent)},
        "cold_ms": cold,
        "program_mb": alone,
        "bytes_a_row": held,
        "under_load": {"searches": len(spent), "failed": len(failures), "uploaded": uploaded, "there": there},
    }


def one_more(far, cloud):
    code = np.random.default_rng().integers(0, 256, (1, BITS // 8), dtype=np.uint8)
    with far.receiving(far.gallery) as append:
        append(list(rows_of(code)))
    assert cloud.nearest(code[0], 1, most=1)[0].distance == 0


if __name__ == "__main__":
    main()
