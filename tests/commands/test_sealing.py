"""What ``decrypt`` writes under which name."""

from pathlib import Path

import numpy as np
import pytest

from engine.commands.sealing import file_for
from engine.encryption import Content
from engine.errors import VaultError
from engine.imaging import encode_jpeg, encode_png, load_image
from tests.imaging.conftest import dicom_bytes

PIXELS = np.tile(np.arange(40, dtype=np.uint8) * 6, (30, 1))
FILES = {"png": encode_png(PIXELS), "jpg": encode_jpeg(PIXELS), "dcm": dicom_bytes(PIXELS)}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", ["out", "out.sealed"])
def test_a_name_that_says_nothing_takes_the_file_as_it_came(kind, name):
    assert file_for(Path(name), Content(file=FILES[kind])) == FILES[kind]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.PNG", "png"), ("a.jpeg", "jpg"), ("a.JPG", "jpg"), ("a.dcm", "dcm"), ("a.ima", "dcm")]
)
def test_a_name_of_the_same_kind_takes_the_file_as_it_came(name, kind):
    assert file_for(Path(name), Content(file=FILES[kind])) == FILES[kind]


@pytest.mark.parametrize("content", [Content(pixels=PIXELS), *(Content(file=file) for file in FILES.values())])
def test_a_png_can_be_had_of_everything(content):
    written = file_for(Path("a.png"), content)
    assert written.startswith(b"\x89PNG")
    np.testing.assert_array_equal(load_image(written), content.picture())


@pytest.mark.parametrize("name", ["a.jpg", "a.jfif", "a.dcm", "a.DICOM"])
@pytest.mark.parametrize("content", [Content(pixels=PIXELS), Content(file=FILES["png"])])
def test_no_png_is_written_under_another_kind_s_name(name, content):
    with pytest.raises(VaultError, match=r"would be a (JPEG|DICOM) file by its name.*\.png"):
        file_for(Path(name), content)
