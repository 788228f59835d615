from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from engine.imaging import ImageError, encode_png
from engine.retrieval import StoreError, pictures_in, pictures_of, pictures_of_files
from tests.imaging.test_archive import packed


def edged(level):
    """A picture of one level but for its corner: one without is refused as flat."""
    pixels = np.full((20, 20), level, np.uint8)
    pixels[-1, -1] = 255 - level
    return pixels


@pytest.fixture
def folder(tmp_path):
    for number, name in enumerate(["b.PNG", "covid-19/a.png", "deep/er/normal/c.png", ".hidden/d.png"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(edged(number)))
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_pictures_are_named_by_path_and_labelled_by_folder(folder):
    found = [(picture.name, picture.label) for picture in pictures_in(folder)]
    assert found == [("b.PNG", None), ("covid-19/a.png", "covid-19"), ("deep/er/normal/c.png", "normal")]


def test_pixels_are_loaded_when_asked_for(folder):
    picture = pictures_in(folder)[1]
    (folder / picture.name).write_bytes(encode_png(edged(77)))
    assert picture.load().tolist() == edged(77).tolist()


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
    records = tuple(SimpleNamespace(id=i, label=c, path=Path(i)) for i, c in (("cx1", "normal"), ("cx2", "covid-19")))
    dataset = SimpleNamespace(records=records, load=lambda i: np.full((2, 2), i, np.uint8))
    pictures = pictures_of(dataset)
    assert [(picture.name, picture.label) for picture in pictures] == [("cx1", "normal"), ("cx2", "covid-19")]
    assert [picture.load().max() for picture in pictures] == [0, 1]


def shade(level):
    return encode_png(edged(level))


def test_strangers_files_are_told_apart_by_content():
    files = [("one.zip", shade(1)), ("two.png", packed([("a/x.png", shade(2)), ("b c/y.png", shade(3))]))]
    pictures, problems = pictures_of_files(files)
    assert problems == []
    assert [(p.name, p.label, int(p.load()[0, 0])) for p in pictures] == [
        ("one.zip", None, 1),
        ("a/x.png", "a", 2),
        ("b c/y.png", "b c", 3),
    ]


def test_one_bad_file_is_named_and_the_others_are_kept():
    archive = packed([("a.png", shade(1)), ("notes.txt", b"hello"), ("inner.png", packed([("b.png", shade(2))]))])
    files = [("good.png", shade(3)), ("bad.png", b"%PDF-1.7"), ("all.zip", archive), ("broken.zip", archive[:-40])]
    pictures, problems = pictures_of_files(files)
    assert problems == ["broken.zip: The archive is damaged: pack it again and retry."]
    loaded, refused = [], []
    for picture in pictures:
        try:
            loaded.append((picture.name, int(picture.load()[0, 0])))
        except ImageError as error:
            refused.append(str(error))
    assert loaded == [("good.png", 3), ("a.png", 1)]
    assert [sentence.split(":")[0] for sentence in refused] == ["bad.png", "notes.txt", "inner.png"]
    assert "archive inside the archive" in refused[2]


def test_one_folder_around_all_is_no_label_and_markup_is_none_either():
    assert [p.label for p in pictures_of_files([("z", packed([("mine/a.png", b""), ("mine/b.png", b"")]))])[0]] == [
        None
    ] * 2
    files = [("z", packed([("**x**/a.png", b""), ("normal/b.png", b""), (f"{'y' * 31}/c.png", b"")]))]
    assert [picture.label for picture in pictures_of_files(files)[0]] == [None, "normal", None]
