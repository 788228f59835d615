import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path

import engine
import pages.components

# A key's file and a number of keys are no secrets.
HARMLESS = (Path, int)


def keys_of(holder: type) -> list[dataclasses.Field]:
    named = [f for f in dataclasses.fields(holder) if f.name.rpartition("_")[2] in {"key", "keys"}]
    return [f for f in named if f.type not in HARMLESS]


def test_no_key_shows_when_what_holds_it_is_printed() -> None:
    found = []
    for package in (engine, pages.components):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                classes = vars(importlib.import_module(module.name)).values()
                found += [c for c in classes if inspect.isclass(c) and dataclasses.is_dataclass(c)]
    keys = {(c.__qualname__, f) for c in found for f in keys_of(c)}
    assert len(keys) > 2
    assert not [f"{name}.{f.name}" for name, f in keys if f.repr]
