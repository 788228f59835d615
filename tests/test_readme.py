from pathlib import Path

from scripts.fill_readme import README, fill


def test_every_table_is_what_the_result_files_say() -> None:
    text = README.read_text()
    assert fill(text) == text, "run `python scripts/fill_readme.py`"


def test_the_pictures_it_shows_are_there() -> None:
    import re

    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README.read_text())
    assert shown
    assert all((Path(README).parent / path).is_file() for path in shown)
