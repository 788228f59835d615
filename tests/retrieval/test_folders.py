"""Folders as they are: told by content, gone through to the end."""

import os

import numpy as np
import pytest
from pydicom.uid import MediaStorageDirectoryStorage

from engine.imaging import ImageError, encode_jpeg, encode_png
from engine.retrieval import StoreError, find_pictures, pictures_in
from engine.retrieval.folders import with_labels
from tests.imaging.conftest import dicom_bytes
from tests.imaging.test_archive import packed

WAVES = (np.indices((40, 40)).sum(0) * 3).astype(np.uint8)
PNG, JPEG, DICOM = encode_png(WAVES), encode_jpeg(WAVES), dicom_bytes(WAVES)


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def names(found):
    return [picture.name for picture in found.pictures]


def test_pictures_are_told_by_content_whatever_they_are_called(tmp_path):
    files = {f"a.{end}": JPEG for end in ("jpe", "jfif", "JPG", "dic", "ima")}
    files |= {"IM000001": DICOM, "ST0/SE0/IM2": DICOM, "no preamble": DICOM[132:], "picture.txt": PNG}
    found = find_pictures(write(tmp_path, files))
    assert names(found) == sorted(files)
    assert found.left_out == ()


def test_what_is_called_a_picture_and_is_none_is_named(tmp_path):
    found = find_pictures(write(tmp_path, {"a.png": PNG, "b.jpg": b"hello", "c.dcm": b"", "readme.txt": b"hello"}))
    assert names(found) == ["a.png"]
    assert found.others == 3
    assert found.left_out == (
        "b.jpg: The file holds no PNG, JPEG or DICOM picture: export it again.",
        "c.dcm: The file is empty (0 bytes): export it again.",
    )


def test_a_patient_cd_is_read_without_its_index(tmp_path):
    index = dicom_bytes(WAVES).replace(
        b"1.2.840.10008.5.1.4.1.1.7\0", MediaStorageDirectoryStorage.encode().ljust(26, b"\0")
    )
    found = find_pictures(write(tmp_path, {"DICOMDIR": index, "DICOM/PA0/IM0": DICOM, "AUTORUN.INF": b"[autorun]"}))
    assert names(found) == ["DICOM/PA0/IM0"]
    assert found.left_out == ()


def test_archives_inside_are_opened_and_archives_inside_those_named(tmp_path):
    inner = packed([("x.png", PNG)])
    archive = packed([("10:32 a.png", PNG), ("b/c.png", PNG), ("deep.zip", inner), ("black.dcm", DICOM)])
    found = find_pictures(write(tmp_path, {"ward.zip": archive, "broken.zip": archive[:-30]}))
    assert names(found) == ["ward.zip/10:32 a.png", "ward.zip/b/c.png", "ward.zip/deep.zip", "ward.zip/black.dcm"]
    assert [line.split(":")[0] for line in found.left_out] == ["broken.zip"]
    with pytest.raises(ImageError, match=r"^ward\.zip/deep\.zip: .*archive inside"):
        found.pictures[2].load()
    assert np.array_equal(found.pictures[0].load(), WAVES)


def test_links_are_followed_and_loops_end(tmp_path):
    write(tmp_path, {"real/ward/a.png": PNG, "outside/b.png": PNG})
    (tmp_path / "real" / "ward" / "up").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "real" / "other").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "real" / "nowhere.png").symlink_to(tmp_path / "absent.png")
    assert names(find_pictures(tmp_path / "real")) == ["other/b.png", "ward/a.png"]


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    write(tmp_path, {"a.png": PNG, "locked/b.png": PNG})
    scan = os.scandir

    def refuse(place):
        if str(place).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_pictures(tmp_path)
    assert names(found) == ["a.png"]
    assert found.left_out == ("locked: The folder cannot be read (Permission denied): check it.",)


def test_devices_are_left_alone(tmp_path):
    write(tmp_path, {"a.png": PNG})
    os.mkfifo(tmp_path / "pipe.png")
    assert names(find_pictures(tmp_path)) == ["a.png"]


def test_labels_come_from_a_file(tmp_path):
    found = find_pictures(write(tmp_path / "pictures", {"ward/a.png": PNG, "b.png": PNG, "c.png": PNG}))
    table = tmp_path / "labels.csv"
    table.write_text("file,label,note\nward/a.png,covid-19,x\nb.png,,\n", encoding="utf-8-sig")
    labelled = with_labels(found, table)
    assert [(one.name, one.label) for one in labelled.pictures] == [
        ("b.png", None),
        ("c.png", None),
        ("ward/a.png", "covid-19"),
    ]
    table.write_text("file,label\nnowhere.png,normal\n")
    with pytest.raises(StoreError, match="names 'nowhere.png', which the folder does not hold"):
        with_labels(found, table)
    table.write_text("picture;class\n")
    with pytest.raises(StoreError, match="needs the columns file and label"):
        with_labels(found, table)


def test_a_folder_of_nothing_usable_is_refused(tmp_path):
    with pytest.raises(StoreError, match="holds no PNG, JPEG or DICOM"):
        find_pictures(tmp_path)
    write(tmp_path, {"a.png": b"hello"})
    with pytest.raises(StoreError, match=r"can be used; the first: a\.png"):
        pictures_in(tmp_path)
