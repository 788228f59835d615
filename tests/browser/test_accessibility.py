"""Every page against axe-core's rules (WCAG 2.2 A and AA), on a desk and on a phone, in light and in dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from scripts.live_app import paths

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
SERIOUS = ("serious", "critical")


def findings(page, *, over_the_page=False):
    """What axe-core finds, one line each: rule, where, and why.

    Where something lies over the page, what is under it is dimmed and out of reach, and of no account. Over it lies
    what a component shows in a tree of its own, which axe-core names by more than one selector.
    """
    return [
        f"{one['id']}: {node['target']} {node['failureSummary'].splitlines()[1].strip()}"
        for one in Axe().run(page, options=RULES).response["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
        if not over_the_page or isinstance(node["target"][0], list)
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", paths())
def test_no_serious_finding(visit, path, width, scheme):
    page = visit(path, width=width, scheme=scheme)
    assert not findings(page)


@pytest.mark.parametrize("width", [1440, 390])
def test_no_serious_finding_in_the_viewer(visit, width):
    page = visit("retrieve", width=width)
    page.locator(".card .open").first.click()
    page.locator("dialog[open]").wait_for()
    shown = "[...document.querySelectorAll('*')].some((e) => e.shadowRoot?.querySelector('dialog[open]'))"
    assert page.evaluate(shown)
    assert not findings(page, over_the_page=True)
