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


def drawn(page):
    """Where the line stands, how far in, and where the pictures were moved to."""
    stage = page.locator(".stage")
    return [
        float(stage.evaluate(f"e => parseFloat(e.style.getPropertyValue('--{name}'))")) for name in ("cut", "zoom", "x")
    ]


def test_zoomed_in_a_drag_beside_the_line_moves_the_pictures_and_not_the_line(visit):
    page = visit("enhance")
    box = page.locator(".stage").bounding_box()
    middle, height = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle, height)
    page.mouse.wheel(0, -100)
    page.mouse.wheel(0, -100)
    assert drawn(page) == [50, 1.5, 0]
    page.mouse.move(middle + 100, height)
    assert drawn(page) == [50, 1.5, 0]
    page.mouse.down()
    page.mouse.move(middle + 130, height)
    page.mouse.up()
    assert drawn(page) == [50, 1.5, 30]
    page.mouse.move(middle, height)
    page.mouse.down()
    page.mouse.move(middle - box["width"] / 4, height)
    page.mouse.up()
    assert drawn(page) == [25, 1.5, 30]
    page.locator(".uncover").focus()
    page.keyboard.press("Shift+ArrowLeft")
    assert drawn(page) == [25, 1.5, -10]
    page.get_by_role("button", name="Reset").click()
    assert drawn(page) == [25, 1, 0]


def test_all_tabs_are_in_sight_on_a_phone(visit):
    page = visit("privacy_lab?attack=Picture+from+code", width=390)
    tabs = page.get_by_role("tab")
    boxes = [tabs.nth(n).bounding_box() for n in range(tabs.count())]
    assert len(boxes) > 8
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)


def test_most_settings_of_the_privacy_map_are_drawn_once_more_apart(visit):
    page = visit("privacy_lab")
    spread = page.evaluate(
        """() => {
            const points = [...document.querySelectorAll('.st-key-chart_map .x2y2 .point')];
            const tops = points.map((point) => point.getBoundingClientRect().top);
            return [points.length, Math.max(...tops) - Math.min(...tops)];
        }"""
    )
    assert spread[0] > 40
    assert spread[1] > 80
