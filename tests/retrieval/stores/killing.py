"""Writers that are killed at random moments, and what must hold of their store afterwards."""

import random
import subprocess
import sys
import time
from pathlib import Path

from engine.retrieval import State, open_store
from tests.retrieval.stores.engines import append_all, ids_of, make_rows

BATCH = 20
PROJECT = Path(__file__).parents[3]


def write(address, start):
    """Append batch after batch, and say which have been stored."""
    store, number = open_store(address), start
    while True:
        append_all(store, make_rows(BATCH, start=number))
        print(number, flush=True)
        number += BATCH


def survive(address, kills):
    """Kill as many writers, one after the other, and return how many rows are stored at the end."""
    chance, count = random.Random(7), 0
    for _ in range(kills):
        command = [sys.executable, "-m", "tests.retrieval.stores.killing", str(address), str(count)]
        with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as writer:
            # Interpreters take a while to start: the moment counts from the first batch.
            first = writer.stdout.readline()
            time.sleep(chance.uniform(0, 0.06))
            writer.kill()
            told = (first + writer.stdout.read()).splitlines(keepends=True)
        stored = [int(line) for line in told if line.endswith("\n")]
        assert stored, "the writer stored nothing before it was killed"
        count = check(address, stored[-1] + BATCH)
    return count


def check(address, least):
    """All that was told is there, and whole batches alone; returns the number of rows."""
    store = open_store(address)
    ids = ids_of(store)
    assert len(ids) >= least
    assert len(ids) % BATCH == 0
    assert ids == [row.id for row in make_rows(len(ids))]
    assert store.state() == State(len(ids), len(ids) // BATCH)
    assert store.pictures(ids[-BATCH:]) == [row.sealed for row in make_rows(BATCH, start=len(ids) - BATCH)]
    return len(ids)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]))
