from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.datasets import Dataset, Record, split_audit
from engine.datasets.audit import thumbnail_vector
from engine.imaging import encode_png, resize
from tests.datasets.conftest import made_up_picture


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a dataset of (split, group, sha256, picture) rows."""

    def build(rows):
        records = []
        for number, (split, group, sha256, picture) in enumerate(rows):
            path = Path(tmp_path / f"{number}.png")
            path.write_bytes(encode_png(picture))
            records.append(Record(f"p{number}", path, "normal", split, group, "made-up", sha256, "CC0"))
        return Dataset("simulated", ("normal",), tuple(records))

    return build


@pytest.fixture(scope="module")
def pictures():
    return [cv2.cvtColor(made_up_picture(seed, 140, 120), cv2.COLOR_BGR2GRAY) for seed in range(4)]


def test_an_honest_split_passes(make, pictures):
    audit = split_audit(
        make(
            [
                ("train", "a", "1", pictures[0]),
                ("train", "a", "2", pictures[1]),
                ("test", "b", "3", pictures[2]),
            ]
        )
    )
    assert audit.ok
    expected = max(
        np.corrcoef(*(cv2.resize(p, (48, 48), interpolation=cv2.INTER_AREA).ravel() for p in pair))[0, 1]
        for pair in ((pictures[0], pictures[2]), (pictures[1], pictures[2]))
    )
    assert audit.closest == pytest.approx(max(expected, 0), abs=1e-4)


def test_a_group_on_both_sides_is_found(make, pictures):
    audit = split_audit(make([("train", "a", "1", pictures[0]), ("test", "a", "2", pictures[1])]))
    assert audit.groups == ("a",)
    assert not audit.ok


def test_equal_files_on_both_sides_are_found(make, pictures):
    rows = [("train", "a", "1", pictures[0]), ("val", "b", "1", pictures[0]), ("val", "c", "1", pictures[0])]
    audit = split_audit(make(rows))
    assert audit.copies == (("p0", "p1"), ("p0", "p2"))
    assert [pair[:2] for pair in audit.near_copies] == [("p0", "p1"), ("p0", "p2")]


def test_a_resized_and_brightened_copy_is_found_but_not_within_a_split(make, pictures):
    copy = cv2.convertScaleAbs(resize(pictures[0], 90), alpha=0.8, beta=20)
    crossing = split_audit(make([("train", "a", "1", pictures[0]), ("test", "b", "2", copy)]))
    assert [pair[:2] for pair in crossing.near_copies] == [("p0", "p1")]
    assert crossing.closest > 0.98
    within = split_audit(make([("test", "a", "1", pictures[0]), ("test", "b", "2", copy)]))
    assert within.ok


def test_a_flat_picture_correlates_with_nothing():
    assert not thumbnail_vector(np.full((64, 64), 9, np.uint8)).any()
