"""Many at once at the real app: every bomb from five visitors together, and visitors who search at the same time.

Bombs: the most memory that the server's process held while five visitors brought one at once, with every page visited
before, and its processor time for each of the five (Linux only). Visitors: seconds until ten results are there, each
with a picture of its own, and the memory when they are forgotten. Wall times depend on what else the machine does; the
processor time beside them hardly does. ``--save`` writes the result file ``at_once.json``.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np

from benchmarks.app import FORGOTTEN_SECONDS, SIDE, Server, ten_results, visit_all
from engine.artifacts import commit, machine, save_result
from engine.imaging import encode_png
from scripts.live_app import running
from scripts.visitor import Visitor
from tests.imaging import bombs

BRINGERS, CROWDS = 5, (1, 5, 20)
MOST_MIB, MOST_SECONDS = 900, 5
# Of one bomb nothing shall be left for the next: a visit whose tab is closed is kept this long here.
KEPT_SECONDS, WAITED_SECONDS = 1, 4
COLLECTED = Path(__file__).parents[2] / "shared" / "cases" / "bombs"


def all_bombs():
    """Those that are made here and those that were collected, where they are."""
    found = bombs.all_of_them()
    return found | (
        {path.name: path.read_bytes() for path in sorted(COLLECTED.iterdir())} if COLLECTED.is_dir() else {}
    )


def together(count, visit):
    """Let so many visitors begin at the same moment; what each of them gives."""
    ready = Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda number: visit(number, ready), range(count)))


def thrown(address, server, data):
    """One bomb from five visitors at once: what the server says, its peak and its processor seconds each."""

    def visit(_, ready):
        with Visitor(address, "enhance") as visitor:
            key = next(key for key in visitor.widgets if key.startswith("picture_upload"))
            ready.wait()
            return visitor.upload(key, "mine.dcm", data)

    time.sleep(WAITED_SECONDS)
    with Visitor(address):
        pass
    server.forget_peak()
    before = server.processor_ms
    answers = together(BRINGERS, visit)
    said = {error for answer in answers for error in answer.errors}
    assert all(error.endswith(".") and "Traceback" not in error for error in said), said
    return {
        "bytes": len(data),
        "refused": sum(bool(answer.errors) for answer in answers),
        "peak_mib": round(server.peak),
        "seconds_each": round((server.processor_ms - before) / 1000 / BRINGERS, 2),
    }


def searched(address, server, count):
    """So many visitors at once, from bringing a picture to ten results."""

    def visit(number, ready):
        with Visitor(address, "retrieve") as visitor:
            data = encode_png(np.random.default_rng(100 * count + number).integers(0, 256, (SIDE, SIDE), np.uint8))
            key = next(key for key in visitor.widgets if key.startswith("picture_upload"))
            ready.wait()
            return ten_results(visitor.upload(key, "mine.png", data))

    server.forget_peak()
    before = server.processor_ms
    times = together(count, visit)
    used = (server.processor_ms - before) / count
    peak = server.peak
    time.sleep(FORGOTTEN_SECONDS)
    with Visitor(address):
        pass
    p50, p95 = (round(float(value), 2) for value in np.percentile(times, (50, 95)))
    memory = {"peak_mib": round(peak), "after_mib": round(server.memory)}
    return {"p50_seconds": p50, "p95_seconds": p95, "processor_ms": round(used), **memory}


def measured():
    """Every bomb and every crowd, at one server."""
    os.environ["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = str(KEPT_SECONDS)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (address, pid):
        server = Server(pid)
        with Visitor(address) as visitor:
            visit_all(visitor)
        before = round(server.memory)
        found = {}
        for name, data in all_bombs().items():
            found[name] = thrown(address, server, data)
            print(f"  {name:40} " + "  ".join(f"{key} {value:,}" for key, value in found[name].items()), flush=True)
        crowds = {}
        for count in CROWDS:
            crowds[str(count)] = searched(address, server, count)
            print(f"  {count:>3} visitors at once  " + "  ".join(f"{k} {v}" for k, v in crowds[str(count)].items()))
    return {"bringers": BRINGERS, "every_page_visited_mib": before, "bombs": found, "visitors": crowds}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    options, found = parser.parse_args(), measured()
    peak = max(bomb["peak_mib"] for bomb in found["bombs"].values())
    slowest = max(bomb["seconds_each"] for bomb in found["bombs"].values())
    print(f"{len(found['bombs'])} bombs from {BRINGERS} visitors: at most {peak} MiB and {slowest} s of processor each")
    if options.save:
        facts = {"commit": commit(), "machine": machine()}
        print(f"written: {save_result('at_once', {'provenance': facts} | found)}")
    return 0 if peak <= MOST_MIB and slowest <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
