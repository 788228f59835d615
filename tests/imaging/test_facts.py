"""What is said of a picture beside its pixels."""

import numpy as np
import pytest

from engine.imaging import PUBLIC, ImageError, describe, encode_jpeg, encode_png, load_described, load_image
from tests.imaging.conftest import dicom_bytes
from tests.imaging.encoders import wave

PIXELS, SHARE = wave(12)


def test_a_dicom_picture_says_how_it_was_taken_and_shown():
    data = dicom_bytes(
        PIXELS,
        BitsStored=12,
        WindowCenter=[2048, 900],
        WindowWidth=[4096, 700],
        WindowCenterWidthExplanation=["NORMAL", "HARD"],
        ViewPosition="PA",
        BodyPartExamined="CHEST",
        Modality="DX",
        ImagerPixelSpacing=[0.143, 0.144],
    )
    image, facts = load_described(data)
    assert np.array_equal(image, load_image(data))
    assert (facts.kind, facts.height, facts.width, facts.depth) == ("DICOM", 61, 47, "12 of 16 bits")
    assert (facts.view, facts.view_position, facts.spacing) == ("frontal", "PA", (0.143, 0.144))
    assert (facts.window.centre, facts.window.width) == (2048, 4096)
    assert [str(one) for one in facts.windows] == [
        "NORMAL: centre 2048, width 4096",
        "HARD: centre 900, width 700",
        "Whole range: centre 2047.5, width 4095",
    ]
    assert facts.concern is None
    assert "Doe" not in repr(facts)
    assert "secret" not in repr(facts)


def test_a_preset_shows_the_same_values_otherwise():
    data = dicom_bytes(PIXELS, BitsStored=12, WindowCenter=500, WindowWidth=100)
    image, facts = load_described(data, window=(2047.5, 4095))
    assert np.abs(image / 65535 - SHARE).max() < 0.001
    assert facts.window.width == 4095
    with pytest.raises(ImageError, match="wider than 0"):
        load_described(data, window=(1, 0))


def test_a_window_that_showed_nothing_is_counted():
    facts = describe(dicom_bytes(PIXELS, BitsStored=12, WindowCenter=30000, WindowWidth=10))
    assert facts.passed_over == 1
    assert facts.window.name == "Whole range"


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"ViewPosition": "LL"}, "a lateral view"),
        ({"ViewPosition": "LATERAL", "BodyPartExamined": "CHEST"}, "a lateral view"),
        ({"BodyPartExamined": "HAND"}, "HAND"),
        ({"Modality": "CT"}, "a slice"),
    ],
)
def test_what_is_no_frontal_chest_x_ray_is_told_by_the_header(tags, says):
    assert says in describe(dicom_bytes(PIXELS, BitsStored=12, **tags)).concern


def test_files_without_a_header_say_their_depth():
    assert describe(encode_png(PIXELS)).depth == "16 of 16 bits"
    facts = describe(encode_jpeg(wave(8)[0]))
    assert (facts.kind, facts.depth, facts.windows) == ("JPEG", "8 of 8 bits", ())


def test_damage_and_cost_are_refused_in_a_sentence():
    data = dicom_bytes(PIXELS, BitsStored=12)
    for changed in (data[:900], b"", dicom_bytes(PIXELS, Rows=30_000, Columns=30_000), data + bytes(PUBLIC.bytes)):
        with pytest.raises(ImageError):
            describe(changed, PUBLIC)
