"""What stands under tables and charts."""

import csv
import io
import re
import shlex

import pytest

from engine.cli import parser
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import COMMANDS, ROOT
from pages.components.kit.take import as_csv


def test_a_table_s_cells_come_back_from_its_csv():
    rows = [["**a**, b", "`c`"], [":green[:material/check: pass]", 'say "x"'], ["", "1\u00a0MB"]]
    read = list(csv.reader(io.StringIO(as_csv(markdown_table(["One", "Two"], rows)))))
    assert read == [["One", "Two"], ["a, b", "c"], ["pass", 'say "x"'], ["", "1 MB"]]


def test_tables_that_align_their_columns_are_read_as_well():
    assert as_csv("| a | b |\n|:--|--:|\n| 1 | 2 |") == "a,b\r\n1,2\r\n"


@pytest.mark.parametrize("command", sorted(set(COMMANDS.values())))
def test_the_command_behind_a_figure_is_one(command):
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "engine"]
    assert parser(words[3]).parse_args(words[3:]).run


def test_every_table_and_chart_goes_through_one_place():
    # Of ``st.dataframe`` Streamlit itself offers a CSV.
    direct = re.compile(r"st\.(markdown\(.*table\(|plotly_chart|table\()")
    home = {"take.py", "charts.py"}
    sources = [file for file in (ROOT / "pages").rglob("*.py") if file.name not in home]
    assert [file.name for file in sources if direct.search(file.read_text(encoding="utf-8"))] == []


def test_every_result_that_a_figure_names_has_a_command():
    named = {
        name for file in (ROOT / "pages").rglob("*.py") for name in re.findall(r'made_by="(.+?)"', file.read_text())
    }
    assert named
    assert named <= COMMANDS.keys()
