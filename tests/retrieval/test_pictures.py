from types import SimpleNamespace

import numpy as np
import pytest

from engine.imaging import ImageError, encode_png
from engine.retrieval import StoreError, pictures_in, pictures_of


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["b.PNG", "covid-19/a.png", "deep/er/normal/c.png", ".hidden/d.png"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(np.full((20, 20), number, np.uint8)))
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_are_named_by_path_and_labelled_by_folder(folder):
    found = [(picture.name, picture.label) for picture in pictures_in(folder)]
    assert found == [("b.PNG", None), ("covid-19/a.png", "covid-19"), ("deep/er/normal/c.png", "normal")]


def test_pixels_are_loaded_when_asked_for(folder):
    picture = pictures_in(folder)[1]
    (folder / picture.name).write_bytes(encode_png(np.full((20, 20), 77, np.uint8)))
    assert picture.load().tolist() == np.full((20, 20), 77).tolist()


def test_a_bad_file_is_named_in_the_error(folder):
    (folder / "b.PNG").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ImageError, match=r"^b\.PNG: .+"):
        pictures_in(folder)[0].load()
    picture = pictures_in(folder)[1]
    (folder / picture.name).unlink()
    with pytest.raises(ImageError, match=r"covid-19/a\.png: The file cannot be read"):
        picture.load()


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(StoreError, match="holds no PNG, JPEG or DICOM"):
        pictures_in(tmp_path)
    with pytest.raises(StoreError, match="There is no folder"):
        pictures_in(tmp_path / "absent")


def test_a_dataset_keeps_its_ids_and_labels():
    records = (SimpleNamespace(id="cx1", label="normal"), SimpleNamespace(id="cx2", label="covid-19"))
    dataset = SimpleNamespace(records=records, load=lambda i: np.full((2, 2), i, np.uint8))
    pictures = pictures_of(dataset)
    assert [(picture.name, picture.label) for picture in pictures] == [("cx1", "normal"), ("cx2", "covid-19")]
    assert [picture.load().max() for picture in pictures] == [0, 1]
