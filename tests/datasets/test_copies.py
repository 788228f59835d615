"""Copies that somebody cut, rescaled, exposed and encoded anew are found; other pictures are not taken for copies."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from engine import artifacts
from engine.artifacts import load_values
from engine.cli import main
from engine.datasets import DataError, load_dataset
from engine.datasets.copies import (
    CORRELATION,
    INLIERS,
    SURE,
    affine_match,
    detail_correlation,
    find_copies,
    local_features,
)
from engine.imaging import encode_png


def recropped(image, seed):
    """Cut out a part, stretch it a little, expose it otherwise and save it as a worse JPEG."""
    draw = np.random.default_rng(seed)
    height, width = image.shape
    rows, columns = (int(side * draw.uniform(0.7, 0.9)) for side in (height, width))
    top, left = draw.integers(0, height - rows + 1), draw.integers(0, width - columns + 1)
    scale = draw.uniform(0.7, 1.2)
    part = cv2.resize(
        image[top : top + rows, left : left + columns],
        None,
        fx=scale * draw.uniform(0.95, 1.05),
        fy=scale,
        interpolation=cv2.INTER_AREA,
    )
    part = cv2.convertScaleAbs(part, alpha=draw.uniform(0.8, 1.1), beta=draw.uniform(-10, 20))
    return cv2.imdecode(cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


@pytest.fixture(scope="module")
def gallery():
    """One simulated picture of each of twelve patients."""
    whole = load_dataset("simulated")
    first = {record.group: number for number, record in reversed(list(enumerate(whole.records)))}
    return replace(whole, records=tuple(whole.records[number] for number in sorted(first.values())[:12]))


def agreeing_corners(dataset):
    """(N, N): corners of each picture that agree with those of each picture's copy."""
    pictures = [dataset.load(number) for number in range(len(dataset))]
    copies = [local_features(recropped(picture, seed)) for seed, picture in enumerate(pictures)]
    return np.array([[affine_match(one, other)[0] for other in copies] for one in map(local_features, pictures)])


def test_a_recropped_copy_agrees_most_with_its_original(gallery):
    """All simulated patients are bent from one scan, so that they agree with each other a little."""
    agreeing = agreeing_corners(gallery)
    assert (np.diag(agreeing) >= INLIERS).all()
    assert np.array_equal(agreeing.argmax(axis=0), np.arange(len(gallery)))


def test_real_patients_do_not_agree_with_each_others_copies():
    try:
        whole = load_dataset("covidx-open").subset("test")
    except DataError:
        pytest.skip("needs the real pictures: set CXR_VAULT_DATA")
    groups = {record.group: record for record in whole.records}
    few = replace(whole, records=tuple(list(groups.values())[::20][:14]))
    agreeing = agreeing_corners(few)
    own = np.eye(len(few), dtype=bool)
    assert (agreeing[own] >= INLIERS).mean() > 0.8
    assert agreeing[~own].max() < INLIERS


def test_only_copies_have_more_corners_or_the_same_detail(gallery):
    """Patients of one scan agree in some corners; laid upon each other, they differ between them."""
    pictures = [gallery.load(number) for number in range(len(gallery))]
    for number, picture in enumerate(pictures):
        copy = recropped(picture, number)
        corners, matrix = affine_match(local_features(picture), local_features(copy))
        assert corners >= SURE or detail_correlation(picture, copy, matrix) >= CORRELATION
        other = pictures[number - 1]
        assert affine_match(local_features(other), local_features(copy))[0] < SURE
        assert detail_correlation(other, copy, matrix) < CORRELATION


def test_pictures_that_do_not_overlap_have_no_detail_in_common(gallery):
    away = np.array([[1.0, 0, 4000], [0, 1, 4000]])
    assert detail_correlation(gallery.load(0), gallery.load(0), away) == 0
    flat = np.full((80, 80), 7, np.uint8)
    assert detail_correlation(flat, flat, np.eye(2, 3)) == 0


def test_copies_are_found_across_splits_only(gallery, tmp_path):
    records = [replace(record, split="train") for record in gallery.records]
    for number, split in ((2, "test"), (5, "val"), (7, "train")):
        path = tmp_path / f"{number}.png"
        path.write_bytes(encode_png(recropped(gallery.load(number), number)))
        records.append(replace(records[number], id=f"copy of {number}", path=path, split=split))
    seen = []
    found = find_copies(replace(gallery, records=tuple(records)), lambda done, total: seen.append((done, total)))
    ids = [record.id for record in records]
    assert {pair[:2] for pair in found} == {(ids[2], "copy of 2"), (ids[5], "copy of 5")}
    assert [pair[2] for pair in found] == sorted((pair[2] for pair in found), reverse=True)
    assert seen[-1] == (17, 17)


def test_a_flat_picture_is_nobodys_copy(gallery):
    flat = local_features(np.full((80, 80), 9, np.uint8))
    assert affine_match(flat, local_features(gallery.load(0))) == (0, None)
    assert affine_match(flat, flat) == (0, None)


def test_a_burnt_in_mark_makes_no_copy(gallery):
    """The same letters in the same corner are many corners in one place."""
    marked = []
    for number in (0, 3):
        picture = gallery.load(number).copy()
        cv2.putText(picture, "R PORTABLE", (10, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
        marked.append(local_features(picture))
    assert affine_match(*marked)[0] < INLIERS


def test_the_command_names_what_crosses_or_says_that_nothing_does(gallery, tmp_path, monkeypatch, capsys):
    few = tuple(replace(record, split="train") for record in gallery.records[:3])
    path = tmp_path / "copy.png"
    path.write_bytes(encode_png(recropped(gallery.load(1), 1)))
    copy = replace(few[1], id="copy", path=path, split="test", group="another")
    dataset = replace(gallery, records=(*few, copy))
    monkeypatch.setattr("engine.datasets.load_dataset", lambda name, root: dataset)
    monkeypatch.setattr(artifacts, "RESULTS", tmp_path / "results")
    assert main(["data", "audit", "simulated", "--save"]) == 2
    stored = load_values("split_audit")
    assert [row["ids"] for row in stored["copies"]] == [[few[1].id, "copy"]]
    assert stored["copies"][0]["splits"] == ["train", "test"]
    lines = capsys.readouterr().err.splitlines()
    assert any(
        line.startswith(f"{few[1].id} and copy: ") and "corners agree, detail correlates by" in line for line in lines
    )
    assert lines[-1] == "1 groups or pairs of simulated cross its splits: exclude one side of each."
    dataset = replace(gallery, records=few)
    assert main(["data", "audit", "simulated"]) == 0
    assert capsys.readouterr().out.startswith("Nothing crosses the splits of simulated")
