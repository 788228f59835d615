"""The tour runs from its first cell to its last, and is kept without what it printed."""

import json
from pathlib import Path

TOUR = Path(__file__).parents[1] / "examples" / "tour.ipynb"


def test_every_cell_of_the_tour_runs(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(TOUR.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), TOUR.name, "exec"), names)
    said = capsys.readouterr().out
    assert "1 0 bits away picture 0" in said
    assert "distances are the same: True" in said


def test_the_tour_is_a_notebook_without_outputs() -> None:
    tour = json.loads(TOUR.read_text())
    assert tour["nbformat"] == 4
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in tour["cells"])
