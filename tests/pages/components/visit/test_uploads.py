"""What all visitors' pictures together may take, and that one is decoded at a time."""

import numpy as np
import pytest

from engine.imaging import ImageError, encode_png
from pages.components.visit import uploads
from pages.components.visit.uploads import Upload, keep, keep_upload

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)


@pytest.fixture
def visitors(monkeypatch):
    """Two visitors' shelves, and which of them is at work."""
    shelves = {"first": [], "second": [], "now": "first"}
    monkeypatch.setattr(uploads, "_shelf", lambda: shelves[shelves["now"]])
    monkeypatch.setattr(uploads, "MAX_KEPT_BYTES", int(1.5 * PICTURE.nbytes))
    uploads._KEPT.clear()
    return shelves


def test_the_pictures_of_all_visitors_have_one_cap(visitors):
    keep(Upload("a", PICTURE))
    keep(Upload("b", PICTURE))  # in place of the visitor's own
    visitors["now"] = "second"
    with pytest.raises(ImageError, match="Other visitors' pictures fill"):
        keep(Upload("c", PICTURE))
    assert visitors["second"] == []
    visitors["first"].clear()
    keep(Upload("c", PICTURE))
    assert len(visitors["second"]) == 1


def test_one_picture_is_decoded_at_a_time(visitors, monkeypatch):
    held = []

    class File:
        file_id = "1"

        def getvalue(self):
            return encode_png(PICTURE)

    def decode(data, budget):
        held.append(uploads.DECODING.locked())
        return PICTURE, None

    monkeypatch.setattr(uploads, "load_described", decode)
    keep_upload(File())
    assert held == [True]
    assert not uploads.DECODING.locked()


def test_large_pictures_are_worked_on_one_at_a_time_and_small_ones_wait_for_nobody():
    with uploads.one_at_a_time(np.zeros(uploads.LARGE_BYTES + 1, np.uint8)):
        assert uploads.DECODING.locked()
        with uploads.one_at_a_time(np.zeros(uploads.LARGE_BYTES, np.uint8)):
            pass
    assert not uploads.DECODING.locked()
