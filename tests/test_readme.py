"""The README is one screen of what is there; the tables of docs/results.md are what the result files say."""

import re
from pathlib import Path

import pytest

from scripts.fill_tables import PAGES as FILLED
from scripts.fill_tables import PROJECT, fill

README = PROJECT / "README.md"
# The most lines that count as one screen of reading.
MOST_LINES = 90


def linked(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    return [target for target in targets if "://" not in target]


@pytest.mark.parametrize("page", FILLED, ids=lambda page: page.stem)
def test_every_table_is_what_the_result_files_say(page: Path) -> None:
    text = page.read_text()
    assert fill(text) == text, "run `python scripts/fill_tables.py`"


@pytest.mark.parametrize("page", FILLED, ids=lambda page: page.stem)
def test_no_table_is_empty(page: Path) -> None:
    found = re.findall(r"<!-- table: (\w+) -->\n(.*?)<!-- /table -->", page.read_text(), flags=re.DOTALL)
    assert found
    assert all(table.count("\n") > 2 for _, table in found)


def test_the_readme_shows_both_commands_on_one_screen() -> None:
    text = README.read_text()
    assert re.search(r"^make demo\b", text, re.MULTILINE)
    assert re.search(r"^make test\b", text, re.MULTILINE)
    assert len(text.splitlines()) <= MOST_LINES


def test_its_picture_is_there() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README.read_text())
    assert len(shown) == 1
    assert (PROJECT / shown[0]).is_file()


PAGES = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    missing = [target for target in linked(page) if not (page.parent / target).exists()]
    assert missing == []
