"""A visitor's own collection in a real browser: searched, taken along, seen by nobody else, gone with the tab.

The walk through one search, too: its steps stand in the link.
"""

import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.imaging import encode_png, load_image
from scripts.live_app import ROOT, settle

GONE_SECONDS = 90


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Two pictures, a ZIP with two more, and a file that is no picture."""
    rng = np.random.default_rng(3)
    pictures = [encode_png(rng.integers(0, 255, (64, 80), np.uint8)) for _ in range(4)]
    paths = [tmp_path / name for name in ("one.png", "two.png", "more.zip", "bad.png")]
    paths[0].write_bytes(pictures[0])
    paths[1].write_bytes(pictures[1])
    with zipfile.ZipFile(paths[2], "w") as archive:
        archive.writestr("normal/three.png", pictures[2])
        archive.writestr("sick/four.png", pictures[3])
    paths[3].write_text("nothing to see")
    return paths


def bring(page, files) -> None:
    page.locator("input[type=file][multiple]").set_input_files(files)
    page.get_by_text("4 sealed.").wait_for()
    settle(page)


def test_from_several_files_to_a_store_that_the_command_line_opens(visit, files, tmp_path):
    page = visit("your_collection")
    bring(page, files)
    page.get_by_text("bad.png: This is not a PNG").wait_for()
    page.get_by_text("Take it with you").click()
    kept = {}
    for label in ("Sealed store", "Key"):
        with page.expect_download() as download:
            page.get_by_role("link", name=label).click()
        kept[label] = tmp_path / download.value.suggested_filename
        download.value.save_as(kept[label])
    assert kept["Key"].read_bytes().hex() not in page.url
    kept["Key"].chmod(0o600)
    command = page.get_by_text("python -m engine search").first.inner_text().splitlines()[0]
    words = command.replace("QUERY.png", "one.png").split()[3:]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "engine", *words, "--json", "--out", "opened"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)
    assert {(row["name"], row["label"]) for row in rows} == {
        ("one.png", None),
        ("two.png", None),
        ("normal/three.png", "normal"),
        ("sick/four.png", "sick"),
    }
    (opened,) = (tmp_path / "opened").glob(f"*-{next(row['id'] for row in rows if row['name'] == 'one.png')}.png")
    assert np.array_equal(load_image(opened.read_bytes()), load_image(files[0].read_bytes()))


def test_it_is_searched_by_its_visitor_seen_by_nobody_else_and_goes_with_the_tab(visit, files, server_folder):
    def folders() -> set[Path]:
        return set((server_folder / "kept").glob("cxr-vault-app-*/own-*"))

    before = folders()
    page = visit("your_collection")
    bring(page, files)
    assert len(folders() - before) == 1
    # A dial that stands in the address must not keep the page from being left.
    page.get_by_text("As the server holds them").click()
    page.wait_for_url(re.compile("collection_sealed=true"))
    page.get_by_role("button", name="Search it").click()
    page.get_by_text("Searches your 4 pictures.").wait_for()
    page.get_by_text(re.compile(r"^3\. \d+ bits? away")).wait_for()
    settle(page)
    assert page.get_by_text(re.compile(r"^\d+\. \d+ bits? away")).count() == 3
    other = visit("your_collection")
    other.get_by_text("Nothing here yet").wait_for()
    assert other.get_by_text("one.png").count() == 0
    assert other.get_by_text("Your collection, 4 pictures").count() == 0
    page.context.close()
    deadline = time.monotonic() + GONE_SECONDS
    while folders() - before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not folders() - before, "the sealed file goes when the tab is closed"
    other.get_by_text("Nothing here yet").wait_for()


@pytest.mark.parametrize("path", ["your_collection", "three_parties", "three_parties?step=7+Open"])
def test_nothing_sticks_out_on_a_phone(visit, path):
    page = visit(path, width=390)
    wide = page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]');
            return [main.scrollWidth, main.clientWidth];
        }"""
    )
    assert wide[0] <= wide[1]


def test_the_walk_goes_on_by_button_and_stands_in_the_link(visit):
    page = visit("three_parties")
    page.get_by_text("it has not been sent a byte").wait_for()
    page.get_by_role("button", name="Next").click()
    page.wait_for_url(re.compile("step=2"))
    page.get_by_text("Never sent:").wait_for()
    settle(page)
    columns = page.locator(".held")
    assert columns.nth(1).locator("[role=listitem].new").count() == 7
