"""The dashboard against its budgets: the real server, driven over its own protocol by visitors without a browser.

Seconds run from sending a message until the last answer has arrived: what a browser draws is not in them. One torch
thread. Other work on the machine slows every figure; beside the wall times stands the processor time of the server.
Memory is that of the server's process (Linux only).
"""

import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from engine.datasets import load_dataset
from engine.imaging import encode_png, resize
from scripts.live_app import running
from scripts.visitor import Answer, Visitor

SEALING_HEAD_START = 0.5
RERUNS, VISITORS, UPLOADS, TURNS = 30, 20, 5, 6
WITH_INFERENCE = ("retrieve", "encrypted_search", "compress")
SIDE = 512
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Streamlit forgets a closed visit after this many seconds (.streamlit/config.toml), in its own time.
FORGOTTEN_SECONDS = 30


class Budget:
    """Prints figures beside their budgets and remembers whether all were kept."""

    def __init__(self) -> None:
        self.kept = True

    def row(self, name: str, value: float, unit: str, limit: float | None = None, note: str = "") -> None:
        """Print one figure, beside its budget if it has one."""
        kept = limit is None or value <= limit
        self.kept &= kept
        budget = "" if limit is None else f"budget {limit:g} {unit}: {'kept' if kept else 'MISSED'}"
        print(f"  {name:46}{value:9.1f} {unit:5}{budget:26}{note}", flush=True)


class Server:
    """What the process of the server has used so far."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    @property
    def processor_ms(self) -> float:
        """Processor time so far."""
        fields = (self._folder / "stat").read_text().rsplit(")", 1)[1].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory(self) -> float:
        """Resident memory, MiB."""
        return int((self._folder / "statm").read_text().split()[1]) * PAGE / 2**20

    @property
    def peak(self) -> float:
        """Most resident memory since the last :meth:`forget_peak`, MiB."""
        status = (self._folder / "status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        (self._folder / "clear_refs").write_text("5")

    @property
    def has_torch(self) -> bool:
        """Whether torch has been imported."""
        return "libtorch" in (self._folder / "maps").read_text()


def milliseconds(answers: list[Answer]) -> list[float]:
    return [1000 * answer.seconds for answer in answers]


def landing(address: str, server: Server, budget: Budget) -> None:
    print("\nLanding page, new visitors at a warm process")
    with Visitor(address) as visitor:
        budget.row("first visit of the process", 1000 * visitor.landed.seconds, "ms")
    answers = []
    for _ in range(UPLOADS):
        with Visitor(address) as visitor:
            answers.append(visitor.landed)
    budget.row("all of the page, median", statistics.median(milliseconds(answers)), "ms", 600)
    budget.row("payload, first visit", answers[0].received / 1024, "KiB")
    budget.row("torch imported (0 no, 1 yes)", server.has_torch, "", 0)


def visit_all(visitor: Visitor) -> None:
    """Open every page once, so that everything heavy is there."""
    for path in visitor.pages:
        problems = visitor.open(path).errors
        assert not problems, (path, problems)


def reruns(visitor: Visitor, server: Server, budget: Budget) -> None:
    print(f"\nReruns with nothing changed, {RERUNS} a page")
    quick: list[float] = []
    for path in visitor.pages:
        visitor.open(path)
        visitor.rerun()
        used = server.processor_ms
        answers = [visitor.rerun() for _ in range(RERUNS)]
        used = (server.processor_ms - used) / RERUNS
        times = milliseconds(answers)
        quick += times if path not in WITH_INFERENCE else []
        name = path or "overview"
        spread = f"p95 {np.percentile(times, 95):.1f} ms, processor {used:.1f} ms"
        budget.row(f"{name}, p50", statistics.median(times), "ms", note=spread)
        budget.row(f"{name}, payload", max(answer.received for answer in answers) / 1024, "KiB", 30)
    budget.row("all pages without inference, p50", statistics.median(quick), "ms", 30)
    budget.row("all pages without inference, p95", float(np.percentile(quick, 95)), "ms", 80)


def own_picture(number: int, side: int = SIDE) -> bytes:
    """A picture that no other visitor has, of the size of an ordinary export."""
    gallery = load_dataset("simulated")
    image = resize(gallery.load(number), side)[:side, :side]
    image[0, :4] = number % 256
    return encode_png(image)


def bring(visitor: Visitor, number: int, side: int = SIDE) -> Answer:
    key = next(key for key in visitor.widgets if key.startswith("picture_upload"))
    return visitor.upload(key, "mine.png", own_picture(number, side))


def dials(address: str, server: Server, budget: Budget) -> None:
    print(f"\nEncrypt page, a dial at {SIDE} x {SIDE}, every value for the first time")
    with Visitor(address, "encrypt") as visitor:
        bring(visitor, 0)
        schemes = ("Multi-stage", "AES-256-GCM", "Toy", "Frequency", "Multi-stage")
        turns = {
            "scheme": [("scheme", {"string_value": scheme}) for scheme in schemes],
            "block size": [("block", {"double_array_value": [block]}) for block in range(9, 9 + TURNS)],
            "substitution": [("substitution", {"double_array_value": [top]}) for top in range(200, 200 + TURNS)],
            "key policy": [("policy", {"string_array_value": [policy]}) for policy in ("fresh", "shared")],
        }
        for name, row in turns.items():
            used = server.processor_ms
            answers = [visitor.turn(key, **value) for key, value in row]
            used = (server.processor_ms - used) / len(row)
            times = milliseconds(answers)
            note = f"slowest {max(times):.0f} ms, processor {used:.0f} ms"
            budget.row(f"{name}, median of {len(row)}", statistics.median(times), "ms", 150, note)
        assert not any(answer.errors for answer in answers)


def ten_results(answer: Answer) -> float:
    """Return the seconds until the ten results were there: the line below them says that they open."""
    there = [at for at, text in answer.texts if "Click a picture to open it" in text]
    assert there, answer.errors
    return there[-1]


def cold_search(budget: Budget) -> None:
    """Time the first search of a server that nobody has visited, from the address to ten real results."""
    print("\nRetrieve page on a cold server, built-in gallery")
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (address, _):
        with Visitor(address, "retrieve") as visitor:
            budget.row("ten real results, sealing and imports in it", ten_results(visitor.landed), "s", 6)
            budget.row("all of the page", visitor.landed.seconds, "s")
            for bits in ("16", "64"):
                answer = visitor.turn("bits", string_array_value=[bits])
                budget.row(f"another length, {bits} bits", ten_results(answer), "s", 1)
            answer = visitor.turn("method", string_value="DBDH")
            budget.row("another method", ten_results(answer), "s", 1)
        second_visitor(address, budget)


def second_visitor(address: str, budget: Budget) -> None:
    """Time a search while another visitor's gallery is being sealed, beside the same search alone."""
    with Visitor(address, "retrieve", "picture=gx0100") as visitor:
        alone = ten_results(visitor.landed)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: Visitor(address, "retrieve", "gallery=simulated"))
        time.sleep(SEALING_HEAD_START)
        with Visitor(address, "retrieve", "picture=gx0200") as visitor:
            budget.row("second visitor during a sealing, more than alone", ten_results(visitor.landed) - alone, "s", 1)
        first.result().__exit__()


def uploads(address: str, budget: Budget) -> None:
    print(f"\nRetrieve page, from an upload of {SIDE} x {SIDE} to ten results")
    times = []
    for number in range(UPLOADS):
        with Visitor(address, "retrieve") as visitor:
            answer = bring(visitor, number + 1)
            times.append(1000 * ten_results(answer))
    budget.row(f"the tenth result is there, median of {UPLOADS}", statistics.median(times), "ms", 300)


def crowd(address: str, server: Server, budget: Budget, before: float) -> None:
    print(f"\nMemory after {VISITORS} visitors came, uploaded 1024 x 1024, sealed, searched and left")
    for number in range(VISITORS):
        with Visitor(address, "retrieve") as visitor:
            bring(visitor, number + 10, 1024)
            visitor.open("encrypt")
    budget.row("right after they left", server.memory, "MiB")
    time.sleep(FORGOTTEN_SECONDS)
    with Visitor(address):
        pass
    budget.row("when they are forgotten", server.memory, "MiB", 1.1 * before)


def main() -> int:
    budget = Budget()
    cold_search(budget)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (address, pid):
        server = Server(pid)
        print("Over the websocket of a real server; one thread")
        budget.row("memory, nobody came yet", server.memory, "MiB")
        landing(address, server, budget)
        with Visitor(address) as visitor:
            visit_all(visitor)
            memory = server.memory
            reruns(visitor, server, budget)
        print("\nMemory")
        budget.row("every page visited", memory, "MiB", 600)
        dials(address, server, budget)
        uploads(address, budget)
        crowd(address, server, budget, memory)
    return 0 if budget.kept else 1


if __name__ == "__main__":
    sys.exit(main())
