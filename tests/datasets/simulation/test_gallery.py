import csv
import gzip
import json
from collections import Counter

import numpy as np
import pytest

from engine.datasets import load_dataset, split_audit, verify
from engine.datasets.manifest import MANIFESTS, read_manifest
from engine.datasets.simulation import gallery as making
from engine.datasets.simulation import load_scan, simulate
from engine.datasets.simulation.patient import LONGER_SIDE, _stamp
from engine.datasets.simulation.scan import SCAN_FOLDER, WHEEL
from engine.files import file_sha256
from engine.imaging import encode_jpeg, load_image


@pytest.fixture(scope="module")
def shipped():
    return load_dataset("simulated")


@pytest.fixture(autouse=True)
def small_pictures(request, monkeypatch):
    """Made-up chests are rendered small; the shipped ones and the real scan are not."""
    if "chest" in request.fixturenames:
        monkeypatch.setattr("engine.datasets.simulation.patient.LONGER_SIDE", 160)


def test_a_picture_is_made_by_its_arguments_alone(chest):
    first, again = simulate(chest, "covid-19", 3), simulate(chest, "covid-19", 3)
    assert np.array_equal(first.image, again.image)
    assert first.parameters == again.parameters
    for other in (simulate(chest, "covid-19", 4), simulate(chest, "covid-19", 3, 1), simulate(chest, "normal", 3)):
        assert other.image.shape != first.image.shape or not np.array_equal(other.image, first.image)


def test_views_of_a_patient_share_the_body_but_not_the_pose(chest):
    first, second = (simulate(chest, "pneumonia", 5, view).parameters for view in (0, 1))
    assert first["body"] == second["body"]
    assert first["geometry"] != second["geometry"]
    assert first["exposure"] != second["exposure"]


@pytest.mark.parametrize("label", ["normal", "pneumonia", "covid-19"])
def test_the_lungs_lie_in_their_box(chest, label):
    made = simulate(chest, label, 1)
    left, top, right, bottom = made.lungs
    rows, columns = made.image.shape
    assert 0 <= left < right <= columns
    assert 0 <= top < bottom <= rows
    assert max(made.image.shape) <= 160
    assert made.image[:, (left + right) // 2].mean() > made.image[top:bottom, left + (right - left) // 4].mean()


def test_opacities_brighten_the_lungs(chest, monkeypatch):
    """The same patient without and with ground-glass: only the opacities differ."""
    from engine.datasets.simulation import patient

    with_glass = simulate(chest, "covid-19", 2)
    monkeypatch.setitem(patient.OPACITIES, "covid-19", patient.OPACITIES["normal"])
    without = simulate(chest, "covid-19", 2)
    left, top, right, bottom = without.lungs
    change = with_glass.image.astype(int) - without.image
    elsewhere = np.ones(change.shape, bool)
    elsewhere[top:bottom, left:right] = False
    assert change[top:bottom, left:right].mean() > change[elsewhere].mean() + 1


def test_making_and_reading_a_gallery_agree(chest, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "PATIENTS", 1)
    seen = []
    rows = making.make_gallery(chest, tmp_path, lambda done, total: seen.append((done, total)))
    making.write_manifest(rows, tmp_path / "simulated.csv.gz")
    assert seen == [(done, 6) for done in range(1, 7)]
    monkeypatch.setattr("engine.datasets.manifest.MANIFESTS", tmp_path)
    for record in read_manifest("simulated", tmp_path):
        assert file_sha256(record.path) == record.sha256
        height, width = load_image(record.path.read_bytes()).shape
        assert (str(width), str(height)) == (record.facts["width"], record.facts["height"])


def test_training_pictures_are_none_of_the_gallery(chest):
    made = list(making.training_pictures(chest, 2))
    assert [label for label, _ in made] == ["covid-19", "normal", "pneumonia"] * 2
    assert np.array_equal(made[3][1], simulate(chest, "covid-19", 10_001).image)


def test_the_shipped_gallery_is_complete_unchanged_and_small(shipped):
    assert verify("simulated").ok
    assert sum(record.path.stat().st_size for record in shipped.records) < 15e6
    assert Counter((r.label, r.split) for r in shipped.records) == {
        (label, split): number
        for label in shipped.classes
        for split, number in (("train", 70), ("val", 10), ("test", 20))
    }


def test_no_simulated_patient_crosses_a_split(shipped):
    audit = split_audit(shipped)
    assert audit.ok
    assert round(audit.closest, 3) == 0.970  # as the gallery's README says


def test_every_shipped_picture_says_that_it_is_simulated(shipped):
    for position, record in enumerate(shipped.records):
        image = shipped.load(position)
        assert record.source == "simulated"
        stamped = image.copy()
        _stamp(stamped)
        assert np.abs(stamped[-24:, :90].astype(int) - image[-24:, :90]).mean() < 6
        assert max(image.shape) == LONGER_SIDE


def test_the_manifest_says_what_made_each_picture(shipped):
    text = gzip.decompress((MANIFESTS / "simulated.csv.gz").read_bytes()).decode()
    for row, record in zip(csv.DictReader(text.splitlines()), shipped.records, strict=True):
        parameters = json.loads(row["parameters"])
        assert set(parameters) == {"body", "geometry", "exposure"}
        left, top, right, bottom = map(int, record.facts["lungs"].split())
        assert 0 <= left < right <= int(row["width"])
        assert 0 <= top < bottom <= int(row["height"])
        assert record.group == f"{record.label}-{int(row['patient']):03}"


def test_rendering_again_gives_the_shipped_pictures(shipped):
    wheel = SCAN_FOLDER / WHEEL
    if not wheel.is_file():
        pytest.skip("needs the scan: run `python -m engine.datasets.simulation` once")
    scan = load_scan(wheel)
    for position in (0, 101, 299):
        facts = shipped.records[position].facts
        made = simulate(scan, shipped.records[position].label, int(facts["patient"]), int(facts["view"]))
        again = load_image(encode_jpeg(made.image, making.QUALITY))
        assert np.abs(again.astype(int) - shipped.load(position)).mean() < 0.5
