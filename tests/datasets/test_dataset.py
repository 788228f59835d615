import csv
import gzip
import hashlib
import io
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.datasets import (
    COLLECTIONS,
    DataError,
    data_hash,
    data_root,
    fetch,
    load_dataset,
    split_audit,
    verify,
)
from engine.datasets.manifest import MANIFESTS, read_manifest
from tests.datasets.conftest import QUICK

REAL = os.environ.get("CXR_VAULT_DATA")
needs_real = pytest.mark.skipif(
    not (REAL and (Path(REAL) / "covidx_open").is_dir()), reason="needs the real pictures: set CXR_VAULT_DATA"
)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_manifest_rows_are_complete_and_unique(name):
    records = read_manifest(name, Path())
    assert len({record.id for record in records}) == len({record.path for record in records}) == len(records)
    for record in records:
        assert record.label in COLLECTIONS[name].classes
        assert record.split in ("train", "val", "test")
        assert re.fullmatch(r"[0-9a-f]{64}", record.sha256)
        assert record.group
        assert record.licence
        assert record.source
        assert not record.path.is_absolute()
        assert ".." not in record.path.parts


@pytest.mark.parametrize("name", ["covidx-open", "anatomy"])
def test_every_public_picture_has_a_pinned_address(name):
    for record in read_manifest(name, Path()):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+/[0-9a-f]{40}/.+\.\w+", record.address)


def test_the_splits_are_those_of_the_papers():
    count = Counter((r.label, r.split) for r in read_manifest("covidx-open", Path()))
    assert count == {
        ("covid-19", "train"): 636,
        ("covid-19", "val"): 80,
        ("covid-19", "test"): 200,
        ("normal", "train"): 359,
        ("normal", "val"): 40,
        ("normal", "test"): 100,
        ("pneumonia", "train"): 360,
        ("pneumonia", "val"): 40,
        ("pneumonia", "test"): 100,
    }
    anatomy = Counter((r.label, r.split) for r in read_manifest("anatomy", Path()))
    assert anatomy == {
        (label, split): number
        for label in ("bone", "brain", "chest")
        for split, number in (("train", 1000), ("val", 100), ("test", 100))
    }


def test_covid_positive_agrees_with_the_label():
    text = gzip.decompress((MANIFESTS / "covidx-open.csv.gz").read_bytes()).decode()
    for row in csv.DictReader(io.StringIO(text)):
        assert (row["covid_positive"] == "1") == (row["label"] == "covid-19")


def test_labels_follow_the_order_of_the_classes():
    gallery = load_dataset("simulated")
    assert gallery.classes == ("covid-19", "normal", "pneumonia")
    assert gallery.labels.dtype == np.int64
    assert [gallery.classes[n] for n in gallery.labels] == [r.label for r in gallery.records]
    assert np.array_equal(gallery.covid_positive, gallery.labels == 0)


def test_subsets_keep_order_and_classes():
    gallery = load_dataset("simulated")
    train = gallery.subset(split="train")
    sick = train.subset(labels=("covid-19", "pneumonia"))
    assert {r.split for r in train.records} == {"train"}
    assert {r.label for r in sick.records} == {"covid-19", "pneumonia"}
    assert sick.classes == gallery.classes
    assert len(train) == len(sick) + len(train.subset(labels=["normal"]))
    with pytest.raises(DataError, match="No picture"):
        gallery.subset(split="exam")


def test_the_root_is_argument_then_variable_then_project(monkeypatch, tmp_path):
    monkeypatch.setenv("CXR_VAULT_DATA", "/somewhere")
    assert data_root(tmp_path) == tmp_path
    assert data_root() == Path("/somewhere")
    monkeypatch.setenv("CXR_VAULT_DATA", "")  # make exports an empty variable where there is no local copy
    assert data_root() == Path(__file__).parents[2] / "data"


def test_missing_pictures_are_an_error_or_left_out(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    (tmp_path / "covidx_open" / "images" / "cx4.jpg").unlink()
    with pytest.raises(DataError, match="1 of the 10 pictures .* data fetch covidx-open"):
        load_dataset("covidx-open", tmp_path)
    assert len(load_dataset("covidx-open", tmp_path, missing="skip")) == 9


def test_an_unknown_or_absent_collection_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match="choose one of covidx-open, anatomy, simulated"):
        load_dataset("mnist")
    with pytest.raises(DataError, match="set CXR_VAULT_DATA"):
        load_dataset("covidx-open", tmp_path)
    with pytest.raises(DataError):
        load_dataset("covidx-open", tmp_path, missing="skip")


def test_a_damaged_picture_is_one_sentence(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    dataset = load_dataset("covidx-open", tmp_path)
    dataset.records[2].path.write_bytes(b"")
    with pytest.raises(DataError, match="cx2 of covidx-open cannot be read"):
        dataset.load(2)


def test_the_hash_names_pictures_and_labels():
    gallery = load_dataset("simulated")
    lines = "\n".join(f"{r.id},{r.label},{r.split},{r.sha256}" for r in gallery.records)
    assert data_hash(gallery) == hashlib.sha256(lines.encode()).hexdigest()
    assert data_hash(gallery) != data_hash(gallery.subset(split="train"))


@needs_real
@pytest.mark.parametrize("name", ["covidx-open", "anatomy"])
def test_the_local_copy_is_the_one_of_the_manifest(name):
    assert verify(name).ok


@needs_real
def test_no_patient_or_picture_of_covidx_open_crosses_a_split():
    audit = split_audit(load_dataset("covidx-open"))
    assert audit.ok
    assert 0.9 < audit.closest < audit.threshold


@needs_real
def test_the_audit_finds_the_copies_that_anatomy_has():
    """One blank head CT slice was published sixteen times; it stands in all three splits."""
    audit = split_audit(load_dataset("anatomy"))
    assert len({name for pair in audit.copies for name in pair}) == 16
