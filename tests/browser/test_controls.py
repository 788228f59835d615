"""One visit in which every control of every page is touched."""

import pytest

from scripts.live_app import paths, settle

# Playwright is there wherever the browser tests run; without a browser they skip, loudly.
pytest.importorskip("playwright")
SEEN_ON = {
    "enhance": ("st-key-clip", "st-key-enhance_compare", "st-key-picture_strip", "Gallery"),
    "encrypt": ("st-key-block", "st-key-scheme", "Open it again"),
    "retrieve": ("st-key-as_sealed", "Search from this"),
}


@pytest.mark.parametrize("path", paths())
def test_every_control_can_be_touched_without_an_exception(visit, path):
    from tests.browser.touching import touch_all

    page, touched = visit(path), []
    for control in touch_all(page):
        touched.append(control)
        assert page.get_by_test_id("stException").count() == 0, touched
    # What the last touches started may take longer than the page takes to say so.
    page.wait_for_timeout(1000)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0, touched
    missed = [part for part in SEEN_ON.get(path, ()) if not any(part in control for control in touched)]
    assert not missed, touched
