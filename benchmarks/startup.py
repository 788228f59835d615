"""How long a command takes to start, beside an import of NumPy, in turns: ``python -m benchmarks.startup``.

``search`` is a whole process: imports, weights, the query's code, an answer from a store of 40 pictures, ten opened.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.datasets import load_dataset

PICTURES = 40
BUDGETS = {"cxr-vault --help": 0.3, "search, first answer": 2.5}


def timed(command, folder):
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - start


def commands(folder):
    """What is timed, by name; a store is made for the search."""
    pictures = folder / "pictures"
    pictures.mkdir()
    gallery = load_dataset("gallery")
    paths = [gallery.records[number].path for number in range(0, len(gallery), len(gallery) // PICTURES)]
    for path in paths:
        (pictures / path.name).write_bytes(path.read_bytes())
    engine = [sys.executable, "-m", "engine"]
    where = ["--store", str(folder / "vault.db"), "--key-file", str(folder / "vault.key")]
    project = Path(__file__).parents[1]
    subprocess.run([*engine, "index", str(pictures), *where], check=True, capture_output=True, cwd=project)
    return {
        "an empty Python": [sys.executable, "-c", "pass"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "import torch": [sys.executable, "-c", "import torch"],
        "cxr-vault --help": [*engine, "--help"],
        "cxr-vault --version": [*engine, "--version"],
        "search, first answer": [*engine, "search", str(paths[0]), *where, "--json"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as made:
        found = commands(Path(made))
        seconds = {name: [] for name in found}
        for _ in range(rounds):
            for name, command in found.items():
                seconds[name].append(timed(command, Path(__file__).parents[1]))
    peer = statistics.median(seconds["import numpy"])
    for name, values in seconds.items():
        middle = statistics.median(values)
        budget = BUDGETS.get(name)
        kept = "" if budget is None else f"   budget {budget} s: {'kept' if middle <= budget else 'MISSED'}"
        print(f"{name:<22} {middle:6.2f} s   {middle / peer:5.1f} x import numpy{kept}")


if __name__ == "__main__":
    main()
