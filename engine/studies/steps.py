"""Long measurements in steps: what was finished before a stop is read back instead of measured again."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.files import written_whole
from engine.studies.sources import computed_with


class Steps:
    """The steps of a long measurement, each measured once.

    Args:
        folder: Keeps finished steps, each under the hash of what it was computed with
            (:func:`engine.studies.sources.computed_with`), so that no step is read back that other code would measure
            otherwise; None keeps them in memory.

    Example:
        >>> steps = Steps()
        >>> [steps.once("a", lambda: {"right": 1}), steps.once("a", lambda: {"right": 2})]
        [{'right': 1}, {'right': 1}]
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, Any] = {}
        self._files: list[Path] = []
        self._saved = 0.0

    def once(self, name: str, measure: Callable[[], Any], weights: tuple[str, ...] | None = None) -> Any:
        """Return what a step found, measured now, before, or before a stop.

        Args:
            name: Of the step, fit for a file's name; it has to name the pictures too (``data_hash``).
            measure: Returns plain data with arrays in it; a function of the module that says how it is measured.
            weights: Names of the shipped networks it reads; None for all of them.
        """
        if name not in self._known:
            self._known[name] = measure() if self._folder is None else self._kept(self._folder, name, measure, weights)
        return self._known[name]

    def _kept(self, folder: Path, name: str, measure: Callable[[], Any], weights: tuple[str, ...] | None) -> Any:
        path = folder / computed_with(_unwrapped(measure).__module__, weights)[:12] / f"{name}.npz"
        self._files.append(path)
        if path.exists():
            found, seconds = read_found(path)
            self._saved += seconds
            return found
        start = time.process_time()
        found = measure()
        write_found(path, found, time.process_time() - start)
        return found

    def clock(self) -> float:
        """Seconds of processor time so far, those of steps that were read back included."""
        return time.process_time() + self._saved

    def forget(self) -> None:
        """Remove the kept steps that were used: their results are written where they belong."""
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files.clear()
        self._known.clear()


def _unwrapped(measure: Callable[[], Any]) -> Callable[[], Any]:
    return _unwrapped(measure.func) if isinstance(measure, partial) else measure


def write_found(path: Path, found: Any, seconds: float) -> None:
    """Write plain data with arrays in it, and the time it took, so that the file is there whole or not at all."""
    arrays: dict[str, np.ndarray] = {}

    def named(array: Any) -> dict[str, str]:
        name = str(len(arrays))
        arrays[name] = np.asarray(array)
        return {"array": name}

    plain = json.dumps({"found": found, "seconds": seconds}, default=named)
    with written_whole(path) as partial:
        np.savez(partial, allow_pickle=False, plain=np.array(plain), **arrays)


def read_found(path: Path) -> tuple[Any, float]:
    """Read what :func:`write_found` wrote: the data, lists in place of tuples, and the seconds."""
    with np.load(path, allow_pickle=False) as file:

        def filled(row: dict[str, Any]) -> Any:
            return file[row["array"]] if row.keys() == {"array"} else row

        kept = json.loads(str(file["plain"]), object_hook=filled)
    return kept["found"], kept["seconds"]
