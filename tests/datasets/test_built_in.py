import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import DataError, Record, load_dataset, verify
from engine.datasets.built_in import QUOTAS, SOURCES, load_anatomy, select, source_of
from engine.datasets.dataset import collection_folder
from engine.datasets.manifest import read_manifest

FOLDER = collection_folder("gallery")


@pytest.fixture(scope="module")
def rows():
    with (FOLDER / "pictures.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_picture_is_there_unchanged_and_small(rows):
    assert verify("gallery").ok
    assert len(rows) == 480
    dataset = load_dataset("gallery")
    assert all(min(dataset.load(place).shape) <= 384 for place in range(0, len(dataset), 40))
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 16 * 10**6


def test_no_picture_was_trained_on(rows):
    assert {row["split"] for row in rows} <= {"test", "val"}
    everywhere = {record.id: record for record in read_manifest("cxr-open", Path())}
    originals = [everywhere[row["original_id"]] for row in rows]
    assert {record.split for record in originals} <= {"test", "val"}
    assert [record.sha256 for record in originals] == [row["original_sha256"] for row in rows]
    trained_on = {record.group for record in everywhere.values() if record.split == "train"}
    assert not trained_on & {record.group for record in originals}


def test_every_picture_may_be_passed_on_and_says_so(rows):
    for row in rows:
        source = SOURCES[row["source"]]
        assert row["licence"] == source.licence
        assert row["citation"] == source.citation
        assert row["link"].startswith("https://")
        assert (row["source"], row["label"]) in QUOTAS


def test_four_labels_from_five_hospitals(rows):
    labels = Counter(row["label"] for row in rows)
    assert set(labels) == {"covid-19", "normal", "pneumonia", "tuberculosis"}
    assert min(labels.values()) > 60
    assert {row["source"] for row in rows} == set(SOURCES)


def record(name, source, label, split="test", group=None, publisher=""):
    return Record(name, Path(name), label, split, group or name, source, name, "?", publisher=publisher)


def test_pictures_that_may_not_be_passed_on_are_left_out():
    may_not = [
        record("a", "cxnet", "covid-19"),
        record("b", "talo", "covid-19"),
        record("c", "ieee8023/radiopaedia.org", "pneumonia"),
        record("d", "guangzhou", "normal", split="train"),
        record("e", "guangzhou", "normal", split="excluded"),
    ]
    may = [record("f", "cxnet", "covid-19", publisher="hannover"), record("g", "talo", "normal")]
    assert [one.id for one in select(may_not + may)] == ["f", "g"]
    assert source_of(may_not[0]) is None


def test_one_picture_a_patient_but_where_there_are_too_few():
    twice = [record(name, "guangzhou", "normal", group="one child") for name in "ab"]
    scarce = [record(name, "hannover", "covid-19", group="one patient", publisher="hannover") for name in "cd"]
    assert [one.id for one in select(twice + scarce)] == ["c", "d", "a"]


def test_the_packed_anatomy_pictures():
    box = load_anatomy()
    assert (box.images.shape, box.images.dtype) == ((600, 64, 64), np.uint8)
    assert Counter(zip(box.splits, box.labels, strict=True)) == {
        (split, label): 100 for split in ("test", "train") for label in ("bone", "brain", "chest")
    }
    known = {one.id: one for one in read_manifest("anatomy", Path())}
    assert all(known[name].split == split for name, split in zip(box.ids, box.splits, strict=True))


def test_a_damaged_pack_is_said(tmp_path):
    (tmp_path / "anatomy.npz").write_bytes(b"not a pack")
    with pytest.raises(DataError, match="take the file again"):
        load_anatomy(tmp_path / "anatomy.npz")
