"""What only a real browser shows."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import load_image
from pages.components.frame import PAGES
from scripts.live_app import ROOT, paths, serving, settle

HEADINGS = {
    "": "Search chest X-rays without showing them",
    "enhance": "What does enhancement bring out?",
    "encrypt": "What does the server get to see?",
    "retrieve": "Which X-rays look like this one?",
}
NOTICE = "Research demo, not for diagnosis"


def bring(page, path) -> None:
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_text("Your own picture").first.wait_for()
    settle(page)


def test_a_cold_deep_link_shows_the_whole_frame(visit, tmp_path):
    with serving(tmp_path) as address:
        page = visit("enhance?clip=6.0", address)
        assert page.locator("h1").inner_text() == HEADINGS["enhance"]
        # The last ones may stand behind "more", where the window is narrow.
        for _, title, *_ in PAGES[:4]:
            page.get_by_role("link", name=title).first.wait_for()
        page.get_by_text(NOTICE).first.wait_for()
        page.get_by_text(re.compile("^.*CXR Vault \\d")).first.wait_for()
        assert "clip=6" in page.url


def test_every_page_has_its_own_title_and_an_icon_of_the_project(visit):
    page = visit("enhance")
    assert page.title() == "Enhance - CXR Vault"
    page.get_by_role("link", name="Who sees what").first.click()
    page.wait_for_function("document.title === 'Who sees what - CXR Vault'")
    icon = page.evaluate("document.querySelector('link[rel~=icon]').href")
    assert icon.startswith(page.url.rsplit("/", 1)[0]), icon


def test_the_first_visit_shows_a_finished_search(visit):
    page = visit()
    for step in ("Enhanced", "Sealed", "Found", "Opened"):
        page.get_by_text(step, exact=True).first.wait_for()
    pictures = page.locator(".stage img")
    assert [pictures.nth(n).evaluate("image => image.naturalWidth > 100") for n in range(2)] == [True, True]
    page.get_by_text("Sealed", exact=True).scroll_into_view_if_needed()
    page.get_by_role("link", name="Encrypt").last.click()
    page.get_by_role("heading", name=HEADINGS["encrypt"]).wait_for()


def test_the_slider_works_by_keyboard_without_the_server(visit):
    page, sent = visit(), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(page.url + "enhance")
    page.get_by_role("heading", name=HEADINGS["enhance"]).wait_for()
    settle(page)
    slider = page.locator(".uncover")
    slider.focus()
    said = len(sent)
    assert said
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "60"
    assert slider.get_attribute("aria-valuetext") == "60 percent As taken"
    stage = page.locator(".stage")
    assert stage.evaluate("stage => stage.style.getPropertyValue('--cut')") == "60%"
    assert len(sent) == said
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0 percent As taken"


def test_a_sample_and_a_dial_follow_the_visitor_and_the_link(visit):
    page = visit("enhance")
    second = page.locator(".strip input").nth(1)
    name = second.get_attribute("value")
    second.check(force=True)
    page.wait_for_url(re.compile(f"picture={name}"))
    thumb = page.get_by_role("slider", name="Clip limit")
    thumb.focus()
    thumb.press("ArrowRight")
    page.wait_for_url(re.compile("clip=2.5"))
    page.get_by_role("link", name="Encrypt").first.click()
    page.get_by_role("heading", name=HEADINGS["encrypt"]).wait_for()
    page.wait_for_url(re.compile(f"picture={name}"))
    settle(page)
    assert page.locator(".strip input:checked").get_attribute("value") == name


def test_from_an_upload_to_ten_results(visit, own_picture):
    page = visit("retrieve")
    bring(page, own_picture)
    page.get_by_text("It has no label of its own").wait_for()
    assert page.locator(".card").count() == 10
    assert "picture=own" in page.url
    page.locator(".card .from").first.click()
    page.get_by_text("Its own label").wait_for()


def test_the_search_shows_what_the_server_holds(visit):
    page = visit("retrieve")
    page.get_by_text("As the server holds them").click()
    page.locator(".card.sealed").nth(9).wait_for()


@pytest.mark.parametrize("scheme", ["Frequency", "AES-256-GCM"])
def test_the_command_line_opens_what_is_downloaded(visit, own_picture, tmp_path, scheme):
    page = visit(f"encrypt?scheme={scheme}&closer=Take+it+with+you")
    bring(page, own_picture)
    files: dict[str, Path] = {}
    for label in ("Sealed file", "Key", "Report"):
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        files[label] = tmp_path / label
        download.value.save_as(files[label])
    opened, key = tmp_path / "opened.png", files["Key"].read_bytes()
    # As the page says above the command: a browser saves keys that everybody here can read.
    files["Key"].chmod(0o600)
    command = [sys.executable, "-m", "engine", "decrypt", files["Sealed file"], opened, "--key-file", files["Key"]]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert np.array_equal(load_image(opened.read_bytes()), load_image(own_picture.read_bytes()))
    assert key.hex() not in files["Report"].read_text()
    assert key.hex() not in page.url


def test_links_show_that_the_keyboard_is_on_them(visit):
    page = visit()
    ring = "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]; }"
    seen = {}
    # The first is "Skip to main content", which has a look of its own.
    page.keyboard.press("Tab")
    for _ in range(30):
        page.keyboard.press("Tab")
        link = page.evaluate("document.activeElement.tagName === 'A' && document.activeElement.innerText")
        if link:
            seen[link.split("\n")[-1]] = page.evaluate(ring)
    assert {"Enhance", "Who sees what", "Follow one search byte by byte"} <= seen.keys()
    assert all(style == ["solid", "2px"] for style in seen.values()), seen


def test_two_visitors_never_see_each_others_pictures(visit, own_picture):
    first = visit("enhance")
    bring(first, own_picture)
    assert "picture=own" in first.url
    second = visit("enhance?picture=own")
    second.get_by_text("Real X-ray (").wait_for()
    assert second.get_by_text("Your own picture;").count() == 0
    assert first.get_by_text("Your own picture;").count() == 1


def test_dark_mode_is_dark_and_readable(visit):
    page = visit("enhance", scheme="dark")
    colours = page.evaluate(
        """() => {
            const app = getComputedStyle(document.querySelector('.stApp'));
            return [app.backgroundColor, getComputedStyle(document.querySelector('h1')).color];
        }"""
    )
    background, text = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert background < 100
    assert text > 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_print_and_commands_in_it_can_be_read(visit, scheme):
    page = visit("privacy_lab", scheme=scheme)
    colours = page.evaluate(
        """() => {
            const caption = document.querySelector('[data-testid="stCaptionContainer"]:has(code)');
            const of = (element, what) => getComputedStyle(element)[what];
            const behind = of(document.querySelector('.stApp'), 'backgroundColor');
            return [[of(caption, 'color'), of(caption.querySelector('code'), 'color')], behind, of(caption, 'opacity')];
        }"""
    )
    texts, behind, opacity = colours
    ground = _channels(behind)
    for text in texts:
        mixed = float(opacity) * _channels(text) + (1 - float(opacity)) * ground
        lighter, darker = sorted((_luminance(mixed), _luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_inside_bars_can_be_read(visit, scheme):
    page = visit("compress?part=Speed", scheme=scheme)
    colours = page.evaluate(
        """() => {
            const inside = [...document.querySelectorAll('.bars .point')].filter(bar => {
                const [text, box] = [bar.querySelector('text'), bar.querySelector('path')];
                return text && text.getBoundingClientRect().left < box.getBoundingClientRect().right;
            });
            const fill = element => getComputedStyle(element).fill;
            return inside.map(bar => [fill(bar.querySelector('text')), fill(bar.querySelector('path'))]);
        }"""
    )
    assert colours
    for text, bar in colours:
        lighter, darker = sorted((_luminance(_channels(text)), _luminance(_channels(bar))), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (text, bar)


def _channels(colour: str) -> np.ndarray:
    return np.array([float(n) for n in re.findall(r"[\d.]+", colour)[:3]])


def _luminance(channels: np.ndarray) -> float:
    """Relative luminance of WCAG 2.2 from channels of 0..255."""
    c = channels / 255
    return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("width", [390, 1366])
def test_retrieve_answers_on_the_first_screen(visit, width):
    page = visit("retrieve", width=width)
    answer = page.get_by_text("neighbours are labelled").first
    answer.wait_for()
    box = answer.bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"]


@pytest.mark.parametrize("path", [*paths(), "compress?part=Table+VIII", "privacy_lab?attack=Key+strength"])
def test_nothing_sticks_out_on_a_phone_and_no_figure_is_cut_off(visit, path):
    page = visit(path, width=390)
    wide = page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]');
            return [main.scrollWidth, main.clientWidth];
        }"""
    )
    assert wide[0] <= wide[1]
    cut = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid="stMetric"] *')]
            .filter(e => e.innerText && getComputedStyle(e).overflowX !== 'visible')
            .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"""
    )
    assert not cut
    # A table that is wider than the screen scrolls by itself and does not reach beyond it.
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('table')]
            .filter(e => e.offsetWidth > e.parentElement.clientWidth + 1)
            .filter(e => getComputedStyle(e.parentElement).overflowX !== 'auto').length"""
    )
    assert not beyond
