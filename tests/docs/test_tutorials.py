"""Every Python block of the tutorials runs, one after the other on each page."""

import re
from pathlib import Path

import pytest

from engine.datasets import load_dataset
from engine.hashing.methods import METHODS

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [page for page in sorted(TUTORIALS.glob("*.md")) if BLOCK.search(page.read_text())]
SHOWN = 5
MOST_LINES = 10


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What a reader has: a folder of pictures, one of them to ask with, and an empty folder to work in."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for record in load_dataset("gallery").records[:: 480 // SHOWN][:SHOWN]:
        (folder / record.path.name).write_bytes(record.path.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.hashing.methods.METHODS", dict(METHODS))
    return {"folder": folder, "query": min(folder.iterdir())}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_python_runs(page, names):
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), names)


def test_ten_lines_seal_and_search_a_folder(names, capsys):
    block = BLOCK.findall((TUTORIALS / "folder.md").read_text())[0]
    assert len([line for line in block.splitlines() if line.strip()]) == MOST_LINES
    exec(compile(block, "folder.md", "exec"), names)
    results = names["results"]
    assert (results[0].name, results[0].distance) == (names["query"].name, 0)
    assert len(results) == SHOWN == len(capsys.readouterr().out.splitlines())
