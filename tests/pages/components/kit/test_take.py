"""What stands under tables and charts."""

import csv
import io
import shlex

import pytest

from engine.cli import parser
from pages.components.kit.metrics import markdown_table
from pages.components.kit.results import COMMANDS, FOLDER
from pages.components.kit.take import as_csv

# What the papers report is typed in, and these are written beside others.
NO_COMMAND = {"paper_a", "paper_b", "mutants", "private_search", "split_audit", "storage"}


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


def test_every_stored_result_has_a_command():
    assert {file.stem for file in FOLDER.glob("*.json")} - NO_COMMAND <= COMMANDS.keys()
