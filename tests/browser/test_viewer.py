"""The viewer that opens from a result, and the way from an upload to the files that are taken home."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import load_image
from scripts.live_app import serving, settle

TITLE = "#viewer-title"


@pytest.fixture
def opened(visit):
    page = visit("retrieve")
    page.locator(".card .open").nth(2).click()
    page.locator("dialog[open]").wait_for()
    return page


def canvas(page, side):
    """Gray values and CSS box of one side's picture."""
    return page.locator(f".pane.{side} canvas").evaluate(
        """canvas => {
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const gray = []; for (let n = 0; n < pixels.length; n += 4) gray.push(pixels[n]);
            const box = canvas.getBoundingClientRect();
            return { gray, width: canvas.width, height: canvas.height, shown: box.width, left: box.left, top: box.top };
        }"""
    )


def test_the_main_job_takes_at_most_six_clicks_on_a_cold_server(visit, own_picture, tmp_path):
    with serving(tmp_path) as address:
        page = visit("retrieve", address)
        page.locator("input[type=file]").set_input_files(own_picture)  # 1
        page.get_by_text("It has no label of its own").wait_for()
        settle(page)
        assert page.locator(".card").count() == 10
        page.locator(".card .open").first.click()  # 2
        page.locator(TITLE, has_text="Result 1 of 10").wait_for()
        page.locator(".bar .next").click()  # 3
        page.locator(TITLE, has_text="Result 2 of 10").wait_for()
        page.locator("dialog .close").click()  # 4
        files = {}
        for label in ("CSV", "Report"):  # 5, 6
            with page.expect_download() as download:
                page.get_by_role("link", name=label).click()
            files[label] = tmp_path / label
            download.value.save_as(files[label])
    rows = list(csv.DictReader(files["CSV"].read_text().splitlines()))
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 11)]
    assert all(re.search("CC BY|No restriction", row["source_and_licence"]) for row in rows)
    report = files["Report"].read_text()
    assert "not for diagnosis" in report
    assert report.count("<img") == 11
    assert own_picture.stem not in report


def test_a_report_and_an_archive_hold_what_was_found(visit, tmp_path):
    page, taken = visit("retrieve"), {}
    for label in ("JSON", "Pictures (ZIP)"):
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        taken[label] = Path(download.value.path()).read_bytes()
    facts = json.loads(taken["JSON"])
    assert [row["rank"] for row in facts["results"]] == list(range(1, 11))
    with zipfile.ZipFile(io.BytesIO(taken["Pictures (ZIP)"])) as archive:
        assert min(load_image(archive.read("result-01.jpg")).shape) > 200
        assert archive.read("LICENCES.txt").decode().count("result-") == 10


def test_a_result_opens_and_the_arrow_keys_go_on(opened):
    assert opened.locator(TITLE).inner_text().startswith("Result 3 of 10")
    opened.keyboard.press("ArrowRight")
    assert opened.locator(TITLE).inner_text().startswith("Result 4 of 10")
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("ArrowLeft")
    assert opened.locator(TITLE).inner_text().startswith("Result 2 of 10")
    opened.keyboard.press("Escape")
    opened.locator("dialog[open]").wait_for(state="detached")
    assert opened.evaluate("document.activeElement.shadowRoot.activeElement.className") == "open"
    opened.keyboard.press("Enter")
    opened.locator(TITLE, has_text="Result 2 of 10").wait_for()


def test_both_pictures_are_moved_and_zoomed_together(opened):
    before = {side: canvas(opened, side) for side in ("query", "result")}
    opened.keyboard.press("+")
    opened.keyboard.press("Shift+ArrowLeft")
    for side, was in before.items():
        now = canvas(opened, side)
        assert now["shown"] == pytest.approx(was["shown"] * 1.25, rel=0.01)
        middle = was["left"] + was["shown"] / 2
        assert now["left"] + now["shown"] / 2 == pytest.approx(middle + 40, abs=1.5)
    opened.keyboard.press("0")
    assert canvas(opened, "query")["left"] == pytest.approx(before["query"]["left"], abs=0.5)


def test_one_to_one_shows_each_pixel_as_one(opened):
    opened.locator(".bar .one").click()
    now = canvas(opened, "result")
    assert now["shown"] == pytest.approx(now["width"], abs=0.5)


def test_dragging_changes_the_window_by_the_standard_s_formula(opened):
    before = np.array(canvas(opened, "query")["gray"], float)
    box = opened.locator(".pane.result").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.mouse.move(x, y)
    opened.mouse.down()
    opened.mouse.move(x - 105, y + 20)
    opened.mouse.up()
    centre, width = 127.5 - 20, 255 - 105
    expected = np.clip(np.rint(((before - centre) / width + 0.5) * 255), 0, 255)
    found = np.array(canvas(opened, "query")["gray"], float)
    assert np.abs(found - expected).max() <= 1
    opened.keyboard.press("i")
    assert np.abs(np.array(canvas(opened, "query")["gray"], float) - (255 - expected)).max() <= 1
    opened.locator(".bar .reset").click()
    assert np.array_equal(canvas(opened, "query")["gray"], before)


def test_with_pan_dragging_moves(opened):
    was = canvas(opened, "query")
    opened.locator(".bar .pan").click()
    box = opened.locator(".pane.query").bounding_box()
    opened.mouse.move(box["x"] + 50, box["y"] + 50)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 90, box["y"] + 80)
    opened.mouse.up()
    now = canvas(opened, "result")
    assert canvas(opened, "query")["left"] == pytest.approx(was["left"] + 40, abs=1)
    assert now["gray"] == canvas(opened, "result")["gray"]


def test_what_is_alike_is_shown_on_demand_and_named_in_words(opened):
    plain = canvas(opened, "query")["gray"]
    opened.get_by_role("button", name="Show what is alike").click()
    opened.get_by_text("Orange: more alike than elsewhere").wait_for()
    assert opened.locator("dialog[open]").count() == 1
    opened.wait_for_function(
        """() => [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [e.shadowRoot] : [])
            .some(root => root.querySelector('.pane.query canvas')?.width === 320)"""
    )
    assert canvas(opened, "query")["gray"] != plain


def test_searching_from_a_result_is_undone_by_the_back_button(visit):
    page = visit("retrieve")
    first = page.locator(".card .open").first.get_attribute("aria-label")
    page.get_by_role("button", name="Search from this: result 1", exact=True).click()
    page.wait_for_url(re.compile("picture="))
    settle(page)
    page.go_back()
    settle(page)
    page.locator(f'.card .open[aria-label="{first}"]').first.wait_for()
    assert "picture=" not in page.url


def test_the_server_s_side_has_frames_of_no_colour(visit):
    page = visit("retrieve?as_sealed=true")
    assert page.locator(".card.sealed").count() == 10
    assert page.locator(".card.same, .card.other").count() == 0
    lines = page.locator(".card").first.inner_text().splitlines()
    first, under = [line for line in lines if line][:2]
    assert re.fullmatch(r"1\. \d+ bits? away", first)
    assert under == "sealed"


def test_results_come_before_the_controls_on_a_phone(visit):
    page = visit("retrieve", width=390)
    first = page.locator(".card").first.bounding_box()
    assert first["y"] < page.viewport_size["height"]
    assert page.locator(".card .from").first.bounding_box()["height"] >= 24


def test_what_codes_keep_is_a_dial_that_stands_in_the_link(visit):
    page = visit("retrieve")
    before = page.locator(".cards").inner_text()
    page.get_by_role("radio", name="Picture", exact=True).click()
    page.wait_for_url(re.compile("keeps=Picture"))
    page.get_by_text("Codes give up some of the disease").wait_for()
    settle(page)
    assert page.locator(".card").count() == 10
    assert page.locator(".cards").inner_text() != before
