"""Writers that are killed at random moments, and what must hold of their store afterwards."""

import multiprocessing
import os
import random
import signal
import time

from engine.retrieval import State, open_store
from tests.retrieval.stores.engines import append_all, ids_of, make_rows

BATCH = 20
START_SECONDS = 60.0


def write(address, start, told):
    """Append batch after batch, and say which have been stored."""
    store, number = open_store(address), start
    while True:
        append_all(store, make_rows(BATCH, start=number))
        told.put(number)
        number += BATCH


def survive(address, kills):
    """Kill as many writers, one after the other, and return how many rows are stored at the end."""
    processes, chance, count = multiprocessing.get_context("spawn"), random.Random(7), 0
    for _ in range(kills):
        told = processes.SimpleQueue()
        writer = processes.Process(target=write, args=(address, count, told))
        writer.start()
        # Interpreters take a while to start: the moment counts from the first batch.
        deadline = time.monotonic() + START_SECONDS
        while told.empty() and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.06))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        stored = count
        while not told.empty():
            stored = told.get() + BATCH
        assert stored > count, "the writer stored nothing before it was killed"
        count = check(address, stored)
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
