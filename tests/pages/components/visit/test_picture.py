"""Choosing a picture: samples, the gallery, a visitor's own, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.imaging import encode_jpeg, encode_png
from pages.components.kit.words import label_title
from pages.components.visit import gallery, picture
from tests.pages.reading import texts


def bomb() -> bytes:
    """A small PNG that declares 13000 x 13000 pixels."""
    header = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(13_001) * 13_000, 9)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def tiny() -> bytes:
    """A PNG of one pixel."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    return file.getvalue()


BAD = {
    "not an image": (b"%PDF-1.7 nothing to see", "not a PNG, JPEG or DICOM"),
    "truncated": (
        encode_jpeg(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))[:900],
        "truncated",
    ),
    "0 bytes": (b"", "0 bytes"),
    "1x1": (tiny(), "too small"),
    "bomb": (bomb(), "13000 x 13000"),
}


def bring(app, content: bytes, name: str = "mine.png"):
    app.file_uploader[0].upload(name, content)
    return app.run()


def test_a_link_names_the_picture(open_page):
    open_page("enhance")
    record = gallery.gallery("gallery").records[picture.samples("gallery")[1]]
    app = open_page("enhance", picture=record.id)
    assert f"labelled {label_title(record.label)}" in texts(app)
    assert app.query_params["picture"] == record.id


def test_a_link_to_nothing_shows_the_first_sample(open_page):
    shown = texts(open_page("enhance", picture="<script>alert(1)</script>", gallery="../../etc"))
    assert "Real X-ray (" in shown


def test_an_upload_becomes_the_picture_of_every_page(open_page, chest):
    app = bring(open_page("enhance"), chest)
    assert "Your own picture; 200 x 160 pixels, 8-bit." in texts(app)
    app.switch_page("pages/encrypt.py").run()
    assert "32,000 bytes of pixels" in texts(app)
    assert "Your own picture" in texts(app)


def test_the_uploaders_copy_of_the_file_is_dropped_at_once(open_page, chest):
    app = bring(open_page("enhance"), chest)
    assert app.file_uploader[0].value is None


def test_clear_my_data_goes_back_to_a_sample(open_page, chest):
    app = bring(open_page("enhance"), chest)
    clear = next(button for button in app.button if button.label == "Clear my data")
    clear.click().run()
    assert "Real X-ray (" in texts(app)
    assert "Clear my data" not in [button.label for button in app.button]


def test_clear_my_data_makes_a_new_key(open_page, chest):
    app = bring(open_page("encrypt"), chest)
    key = app.session_state["_key_encrypt"]
    next(button for button in app.button if button.label == "Clear my data").click().run()
    assert app.session_state["_key_encrypt"] != key


def test_clear_my_data_forgets_every_key(open_page, chest):
    """A key that scrambled the picture in an attack is the visitor's as well."""

    def held(app):
        return {name for name in app.session_state if isinstance(app.session_state[name], bytes)}

    bring(open_page("encrypt"), chest)
    app = open_page("privacy_lab", attack="Jigsaw")
    assert held(app) == {"_key_encrypt", "_key_jigsaw"}
    before = app.session_state["_key_jigsaw"]
    assert len(before) == 32
    next(button for button in app.button if button.label == "Clear my data").click().run()
    assert held(app) == {"_key_jigsaw"}
    assert app.session_state["_key_jigsaw"] != before


def test_a_picture_too_large_for_a_small_machine_is_refused(open_page):
    app = bring(open_page("enhance"), encode_png(np.zeros((4200, 4200), np.uint8)))
    assert "more than the 17 megapixels" in app.error[0].value


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_picture_is_refused_in_one_sentence(open_page, kind):
    content, reason = BAD[kind]
    app = bring(open_page("enhance"), content)
    assert not app.exception
    assert len(app.error) == 1
    assert reason in app.error[0].value
    assert "Real X-ray (" in texts(app), "the last good picture stays"


def test_a_refused_file_leaves_the_uploader_and_its_sentence_stays_until_the_next(open_page, chest):
    app = bring(open_page("enhance"), b"no picture")
    assert not app.file_uploader[0].value, "it would look as if it had been taken"
    app.slider(key="clip").set_value(3.0).run()
    assert "not a PNG" in app.error[0].value
    app.file_uploader[0].upload("mine.png", chest)
    assert not app.run().error


def test_the_sentence_of_a_refused_file_goes_when_the_data_is_cleared(open_page, chest):
    app = bring(bring(open_page("enhance"), chest), b"no picture")
    assert app.error
    next(button for button in app.button if button.label == "Clear my data").click().run()
    assert not app.error


def test_the_uploader_says_what_becomes_of_the_picture(open_page):
    app = open_page("enhance")
    said = app.file_uploader[0].help
    assert "never written to disk" in said
    assert "do not upload patient data" in said


def test_the_gallery_offers_its_labels(open_page):
    app = open_page("enhance")
    app.segmented_control(key="picture_way").set_value("Gallery").run()
    app.pills(key="picture_label").set_value("normal").run()
    assert not app.exception
    assert app.number_input(key="picture_page").max == 1
