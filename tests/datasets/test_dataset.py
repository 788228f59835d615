import csv
import gzip
import hashlib
import io
import os
import re
from collections import Counter, defaultdict
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
    manifest,
    split_audit,
    verify,
)
from engine.datasets.manifest import MANIFESTS, SPLITS, read_manifest
from tests.datasets.conftest import QUICK, write_manifest

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
        assert record.split in SPLITS
        assert re.fullmatch(r"[0-9a-f]{64}", record.sha256)
        assert record.group
        assert record.licence
        assert record.source
        assert not record.path.is_absolute()
        assert ".." not in record.path.parts


@pytest.mark.parametrize(
    ("name", "version"), [("covidx-open", "[0-9a-f]{40}"), ("anatomy", "[0-9a-f]{40}"), ("cxr-sources", "HEAD")]
)
def test_every_public_picture_has_an_address(name, version):
    for record in read_manifest(name, Path()):
        assert re.fullmatch(rf"[\w.-]+/[\w.-]+/{version}/.+\.\w+", record.address)


def test_the_splits_are_those_of_the_papers():
    count = Counter((r.label, r.split) for r in read_manifest("covidx-open", Path()))
    assert count == {
        ("covid-19", "train"): 502,
        ("covid-19", "val"): 64,
        ("covid-19", "excluded"): 150,
        ("covid-19", "test"): 200,
        ("normal", "train"): 359,
        ("normal", "val"): 40,
        ("normal", "test"): 100,
        ("pneumonia", "train"): 360,
        ("pneumonia", "val"): 40,
        ("pneumonia", "test"): 100,
    }
    sources = Counter((r.label, r.split) for r in read_manifest("cxr-sources", Path()))
    assert sources == {
        (label, split): number
        for label, numbers in {
            "covid-19": (148, 11, 41, 0),
            "normal": (861, 109, 234, 7),
            "pneumonia": (638, 91, 186, 0),
            "tuberculosis": (696, 109, 196, 4),
        }.items()
        for split, number in zip(("train", "val", "test", "excluded"), numbers, strict=True)
        if number
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


def test_no_group_of_the_joined_collection_is_in_two_splits():
    splits = defaultdict(set)
    for record in read_manifest("cxr-open", Path()):
        if record.split != "excluded":
            splits[record.group].add(record.split)
    assert {len(of_group) for of_group in splits.values()} == {1}


def test_the_joined_collection_has_the_pictures_of_both_in_their_folders():
    joined = read_manifest("cxr-open", Path("root"))
    parts = [
        record
        for name in ("covidx-open", "cxr-sources")
        for record in read_manifest(name, Path("root") / COLLECTIONS[name].folder)
    ]
    assert list(joined) == parts
    assert {record.label for record in joined} == set(COLLECTIONS["cxr-open"].classes)


def test_a_hospital_that_holds_both_labels_is_found_by_its_name():
    records = [r for r in read_manifest("cxr-open", Path()) if r.origin == "radiopaedia.org"]
    assert Counter(record.label for record in records).keys() >= {"covid-19", "pneumonia"}
    assert {record.view.split()[0] for record in records} == {"AP", "PA"}
    assert {record.finding for record in records} > {"covid-19", "Pneumonia/Fungal/Pneumocystis"}


def test_excluded_pictures_are_handed_out_only_on_request(host, collection, tmp_path):
    collection[4]["split"] = "excluded"
    write_manifest(manifest.MANIFESTS / "covidx-open.csv.gz", collection)
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    assert [r.id for r in load_dataset("covidx-open", tmp_path).records] == [f"cx{n}" for n in range(10) if n != 4]
    assert len(load_dataset("covidx-open", tmp_path, excluded=True)) == 10


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({0: {"group": "g7", "split": "test"}}, "has the group 'g7' in the splits test and train"),
        ({n: {"label": "normal"} for n in range(10)}, "has no picture of the label 'covid-19'"),
        ({3: {"label": "influenza"}}, "calls cx3 'influenza': its labels are covid-19, normal, pneumonia"),
        ({3: {"label": ""}}, "calls cx3 ''"),
        ({3: {"split": "exam"}}, "puts cx3 into 'exam'"),
        ({3: {"id": "cx2"}}, "has two rows with the id 'cx2'"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_one_sentence(collection, tmp_path, changes, sentence):
    for number, values in changes.items():
        collection[number] |= values
    write_manifest(manifest.MANIFESTS / "covidx-open.csv.gz", collection)
    with pytest.raises(DataError, match=f"^The manifest of covidx-open {sentence}[^.]*\\.$"):
        load_dataset("covidx-open", tmp_path)


def test_an_excluded_picture_may_belong_to_a_test_patient(collection):
    collection[0] |= {"group": "g7", "split": "excluded"}
    write_manifest(manifest.MANIFESTS / "covidx-open.csv.gz", collection)
    assert len(read_manifest("covidx-open", Path())) == 10


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


def test_an_installed_package_keeps_pictures_in_the_persons_own_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("CXR_VAULT_DATA", raising=False)
    monkeypatch.setattr("engine.datasets.dataset.PROJECT", tmp_path / "site-packages" / "cxr_vault")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert data_root() == tmp_path / "share" / "cxr-vault"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert data_root() == Path.home() / ".local" / "share" / "cxr-vault"


def test_missing_pictures_are_an_error_or_left_out(host, collection, tmp_path):
    fetch("covidx-open", tmp_path, base=host.base, limits=QUICK)
    (tmp_path / "covidx_open" / "images" / "cx4.jpg").unlink()
    with pytest.raises(DataError, match="1 of the 10 pictures .* data fetch covidx-open"):
        load_dataset("covidx-open", tmp_path)
    assert len(load_dataset("covidx-open", tmp_path, missing="skip")) == 9


def test_an_unknown_or_absent_collection_is_one_sentence(tmp_path):
    with pytest.raises(
        DataError, match="choose one of covidx-open, cxr-sources, cxr-open, anatomy, gallery, simulated"
    ):
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
@pytest.mark.parametrize("name", ["covidx-open", "cxr-sources", "cxr-open", "anatomy"])
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
