"""The result of quantizing two tiny networks, measured and written by the engine: for the Compress page."""

import shutil
from pathlib import Path

import pytest

from engine.studies.quantization import measurement
from tests.pages.synthetic_results import PAPERS
from tests.quantization.networks import subject

PROVENANCE = {
    "protocol": "40 made-up pictures",
    "calibration": "16 made-up pictures",
    "machine": "a machine",
    "threads": 1,
    "int8_engine": "x86",
}


def write_quantization(folder: Path) -> Path:
    """Write ``quantization.json`` and its arrays for a hashing network and a classifier; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(PAPERS / "paper_b.json", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "TIMED_BATCHES", {1: 2, 4: 1})
        patch.setattr(measurement, "load_subject", lambda name: subject(TASKS[name]))
        measured = {name: measurement.measure(name, lambda done, total: None) for name in TASKS}
        entries = {name: entry | {"provenance": PROVENANCE} for name, (entry, _) in measured.items()}
        entries["vgg16"] |= {"short": "VGG-16", "classes": ["bone", "brain", "chest"]}
        measurement.save(entries, {name: arrays for name, (_, arrays) in measured.items()}, folder)
        tuned, arrays = measurement.tune("vgg16", lambda done, total: None, folder)
    measurement.save({"vgg16": tuned}, {"vgg16": arrays}, folder)
    return folder


TASKS = {"matdh": "retrieval", "vgg16": "classification"}
