"""Tables and charts are taken along, and every page can be reached from the head of each."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pages.components.frame import PAGES


def taken(page, label):
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return download.value


def test_a_table_is_taken_along_as_csv(visit):
    page = visit("benchmarks")
    shown = page.locator("table").first.locator("tr")
    cells = [shown.nth(row).locator("th, td").all_inner_texts() for row in range(shown.count())]
    file = taken(page, "CSV of controls")
    assert file.suggested_filename == "controls.csv"
    assert list(csv.reader(io.StringIO(Path(file.path()).read_text("utf-8-sig")))) == cells


@pytest.mark.parametrize(("path", "chart"), [("benchmarks", "chart lengths"), ("privacy_lab", "chart map")])
def test_a_chart_is_taken_along_as_svg(visit, path, chart):
    file = taken(visit(path), f"SVG of {chart}")
    assert file.suggested_filename == f"{chart.replace(' ', '_')}.svg"
    assert ElementTree.parse(file.path()).getroot().tag.endswith("svg")


def test_the_command_behind_a_figure_is_copied(visit):
    page = visit("benchmarks")
    page.get_by_role("button", name="Copy the command that makes controls").click()
    command = "python -m engine evaluate --method matdh --save"
    # Where a browser forbids to copy, the text is shown to be copied by hand.
    page.wait_for_function(
        """command => [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [e.shadowRoot] : [])
            .some(root => root.querySelector('[role=status]')?.textContent.includes(command)
                || root.querySelector('textarea')?.value === command)""",
        arg=command,
    )


@pytest.mark.parametrize("width", [1280, 1440])
def test_every_page_stands_in_the_head(visit, width):
    head = visit("enhance", width=width).get_by_test_id("stTopNav")
    assert [head.get_by_role("link", name=title, exact=True).is_visible() for _, title, *_ in PAGES] == [True] * len(
        PAGES
    )
    assert head.get_by_text("more").count() == 0


def test_on_a_phone_the_way_to_the_pages_is_called_a_menu(visit):
    button = visit("enhance", width=390).get_by_test_id("stExpandSidebarButton")
    assert button.evaluate("e => getComputedStyle(e, '::after').content") == '"Menu"'
