"""The notebook runs from the first cell to the last, and is kept without what it printed."""

from pathlib import Path

import pytest

TOUR = Path(__file__).parents[2] / "examples" / "tour.ipynb"
nbformat = pytest.importorskip("nbformat", reason="THE NOTEBOOK IS NOT TESTED: install requirements-dev.txt")


def test_it_is_kept_without_outputs():
    cells = [cell for cell in nbformat.read(TOUR, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


def test_it_runs(tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="THE NOTEBOOK IS NOT RUN: install requirements-dev.txt")
    monkeypatch.setenv("PYTHONPATH", str(TOUR.parents[1]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    tour = nbformat.read(TOUR, as_version=4)
    client.NotebookClient(
        tour, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = "".join(out.get("text", "") for cell in tour.cells if cell.cell_type == "code" for out in cell.outputs)
    assert "1 0 " in said
